import { describe, expect, it } from 'vitest'
import { requestOf } from '../src/asking'
import { takenOf } from '../src/form'
import { EMPTY, draftOf, parseDraft } from '../src/draft'
import { faultsOf, faultsOfProblem } from '../src/faults'
import { flagsOf } from '../src/flags'
import { step } from '../src/gridkeys'
import { oneAtATime } from '../src/latest'
import { addRow, cellText, columnsOf, putCells, removeRow, sentRows, setCell } from '../src/rows'
import { dropLine, linesOf, setLine } from '../src/specs'
import { readProblem } from '../src/wire/problem'
import { learn } from '../src/words'
import { along } from '../src/words/along'

learn(along)

describe('the rows of a bill', () => {
  const rows = [{ item_name: 'a', quantity: 2.5 }, { description: 'b', dimensions_m: { length: 2 } }]

  it('keep what was typed, and numbers that were not touched', () => {
    const typed = setCell(rows, { row: 0, key: 'unit' }, 'm3')
    expect(typed[0]).toEqual({ item_name: 'a', quantity: 2.5, unit: 'm3' })
    expect(setCell(typed, { row: 0, key: 'quantity' }, '2,50')[0]?.quantity).toBe('2,50')
    expect(setCell(rows, { row: 0, key: 'quantity' }, '2.5')).toBe(rows)
    expect(setCell(rows, { row: 0, key: 'quantity' }, '')[0]).toEqual({ item_name: 'a' })
    expect(setCell(rows, { row: 3, key: 'unit' }, 'm')).toHaveLength(4)
  })

  it('edit a description where it stands, and nothing that a line would lose', () => {
    expect(cellText(rows[1], 'item_name')).toBe('b')
    expect(setCell(rows, { row: 1, key: 'item_name' }, 'c')[1]).toEqual({ description: 'c', dimensions_m: { length: 2 } })
    expect(setCell(rows, { row: 1, key: 'dimensions_m' }, 'x')).toBe(rows)
    expect(columnsOf(rows)).toEqual(['no', 'item_name', 'unit', 'quantity', 'unit_price', 'total_price', 'dimensions_m'])
  })

  it('are put over others and grow', () => {
    const put = putCells(rows, 1, ['item_name', 'quantity'], [['x', '1'], ['y', ''], ['z', '3', 'lost']])
    expect(put).toEqual([rows[0], { description: 'x', dimensions_m: { length: 2 }, quantity: '1' }, { item_name: 'y' }, { item_name: 'z', quantity: '3' }])
  })

  it('are added, removed, and sent without those that say nothing', () => {
    expect(addRow(rows, 1)).toEqual([rows[0], {}, rows[1]])
    expect(removeRow(rows, 0)).toEqual([rows[1]])
    expect(sentRows([{}, { item_name: 'a' }, { unit: ' ' }, { item_name: 'b' }])).toEqual({ positions: [{ item_name: 'a' }, { item_name: 'b' }], at: [1, 3] })
  })
})

describe('the specifications', () => {
  const given = { concrete_class: 'C30/37', exposure_classes: ['XC4', 'XF3'], groundwater: { ph: 6.2 }, odd: [{ a: 1 }] }

  it('are lines, whatever their depth', () => {
    expect(linesOf(given).map(({ keys, value, fixed }) => [keys.join('.'), value, fixed])).toEqual([
      ['concrete_class', 'C30/37', false],
      ['exposure_classes', 'XC4, XF3', false],
      ['groundwater.ph', '6.2', false],
      ['odd', '[{"a":1}]', true],
    ])
  })

  it('keep lists lists and numbers numbers while they are edited', () => {
    expect(setLine(given, ['exposure_classes'], 'XC2, ').exposure_classes).toEqual(['XC2'])
    expect(setLine(given, ['groundwater', 'ph'], '5.5').groundwater).toEqual({ ph: 5.5 })
    expect(setLine(given, ['groundwater', 'ph'], '5,5').groundwater).toEqual({ ph: '5,5' })
    expect(setLine(given, ['soil', 'so4_mg_kg'], '2').soil).toEqual({ so4_mg_kg: '2' })
    expect(Object.keys(dropLine(given, ['groundwater', 'ph']))).toEqual(['concrete_class', 'exposure_classes', 'odd'])
  })
})

describe('the keys of a grid', () => {
  const key = (name: string, ctrlKey = false) => ({ key: name, ctrlKey, metaKey: false, altKey: false })
  const size = { rows: 100, columns: 6, page: 9 }
  it.each([
    ['ArrowUp', false, { row: 49, column: 3 }],
    ['ArrowRight', false, { row: 50, column: 4 }],
    ['PageDown', false, { row: 59, column: 3 }],
    ['Home', false, { row: 50, column: 0 }],
    ['Home', true, { row: 0, column: 0 }],
    ['End', true, { row: 99, column: 5 }],
    ['ArrowDown', true, { row: 99, column: 3 }],
    ['a', false, undefined],
  ])('%s (control %s)', (name, control, to) => expect(step(key(name, control), { row: 50, column: 3 }, size)).toEqual(to))
  it('stop at the edges', () => expect(step(key('ArrowLeft'), { row: 0, column: 0 }, size)).toEqual({ row: 0, column: 0 }))
})

describe('a draft', () => {
  const draft = { ...draftOf('q', { positions: [{ item_name: 'a' }], specifications: { x: 1 }, language: 'cs', totals: { sum: 3 } }, 's', 'audit') }

  it('is read back as it was kept', () => {
    expect(parseDraft(JSON.stringify({ at: 5, sent: true, draft }))).toEqual({ at: 5, sent: true, draft })
  })

  it.each(['', 'null', '{}', '{"draft":3}', '{"draft":{"rows":"x"}}', JSON.stringify({ draft: EMPTY })])('is nothing when it is %j', (raw) => expect(parseDraft(raw)).toBeUndefined())

  it('is sent as far as the panel takes it', () => {
    const all = { positions: true, specifications: true, language: true, checks: true }
    expect(takenOf(draft, all)).toEqual(draft)
    const taken = takenOf(draft, { positions: false, specifications: false, language: true, checks: false, fields: ['mode', 'language'] })
    expect(JSON.parse(requestOf(taken).body).input).toEqual({ language: 'cs' })
    expect(takenOf({ ...draft, rest: { mode: 'fast', totals: {} } }, { ...all, fields: ['mode'] }).rest).toEqual({ mode: 'fast' })
  })

  it('becomes the body of a run, without what is left to the server', () => {
    const body = JSON.parse(requestOf(draft).body)
    expect(body).toEqual({ panel: 'audit', question: 'q', input: { totals: { sum: 3 }, positions: [{ item_name: 'a' }], specifications: { x: 1 }, language: 'cs' }, options: { on_disconnect: 'continue' } })
    const auto = { ...EMPTY, panel: 'council', choices: { ...EMPTY.choices, mode: 'auto' } }
    expect(JSON.parse(requestOf(auto).body).input).toEqual({ mode: 'auto' })
    expect(draftOf('q', { mode: 'deep' } as never).choices.mode).toBe('deep')
    const choices = { model: 'rules', language: '', querySeconds: '1,5', runSeconds: ' ', mode: '', maxCost: ' 0.50 USD ' }
    expect(JSON.parse(requestOf({ ...EMPTY, choices }).body)).toEqual({ question: '', input: {}, options: { on_disconnect: 'continue', model: 'rules', query_timeout_ms: 1500, max_cost: '0.50 USD' } })
  })
})

describe('what is wrong', () => {
  it('is seen before it is sent', () => {
    const choices = { ...EMPTY.choices, querySeconds: '0', runSeconds: '5', maxCost: '5' }
    const faults = faultsOf({ ...EMPTY, question: ' ', rows: [{ item_name: 'a' }, {}, { unit: 'm' }], choices })
    expect(faults.map(({ field, place }) => [field, place])).toEqual([
      ['question', undefined],
      ['bill', { row: 2, key: 'item_name' }],
      ['option-query', undefined],
      ['option-cost', undefined],
    ])
    expect(faultsOf({ ...EMPTY, question: 'x'.repeat(20_001) })).toHaveLength(1)
  })

  it('is shown where the server means it', () => {
    const errors = ['/question', '/input/positions/1/quantity', '/input/positions/0', '/positions/9', '/input/specifications/groundwater/ph', '/options/max_cost', '/odd'].map((pointer) => ({ pointer, detail: 'no' }))
    const faults = faultsOfProblem(readProblem(422, { errors }), [3, 5])
    expect(faults.map(({ field, place, text }) => [field, place?.row, place?.key, text])).toEqual([
      ['question', undefined, undefined, 'no'],
      ['bill', 5, 'quantity', 'Row 6: no'],
      ['bill', 3, 'item_name', 'Row 4: no'],
      ['bill', undefined, undefined, 'no'],
      ['spec-groundwater.ph', undefined, undefined, 'no'],
      ['option-cost', undefined, undefined, 'no'],
      ['', undefined, undefined, '/odd: no'],
    ])
  })
})

describe('one at a time', () => {
  it('skips what was overtaken while it waited', async () => {
    const done: number[] = []
    const gates: (() => void)[] = []
    const queue = oneAtATime()
    const work = (n: number) => async () => {
      await new Promise<void>((go) => gates.push(go))
      done.push(n)
    }
    for (const n of [1, 2, 3]) queue(work(n))
    gates.shift()?.()
    await expect.poll(() => gates.length).toBe(1)
    queue(work(4))
    gates.shift()?.()
    await expect.poll(() => gates.length).toBe(1)
    gates.shift()?.()
    await expect.poll(() => done).toEqual([1, 3, 4])
  })
})

describe('flags', () => {
  it('mark the cell that is meant, gravest first, and nothing for a mere remark', () => {
    const rows = [{ item_name: 'a' }, { item_name: 'b', unit_price: 'x1' }]
    const finding = (rule: string, severity: string, row: number, found = '') => ({ rule, severity, rows: [row], message: rule, found })
    const flags = flagsOf([finding('UNIT-CAT', 'low', 0), finding('PRICE-MUL', 'high', 0), finding('PARSE-NUM', 'medium', 1, 'x1'), finding('GEO-VOL', 'info', 1), finding('DUP', 'low', 7)], rows)
    expect([...flags.values()]).toEqual([
      { keys: ['total_price', 'unit'], messages: ['PRICE-MUL', 'UNIT-CAT'] },
      { keys: ['unit_price'], messages: ['PARSE-NUM'] },
    ])
  })
})
