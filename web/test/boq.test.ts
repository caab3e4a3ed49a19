import { describe, expect, it } from 'vitest'
import { AS_FOUND, agrees, asParameters, classes, isTable, letters, readPreview, withRole } from '../src/boq'
import type { Preview } from '../src/boq'
import { columnsOf, isBlankRow } from '../src/rows'

const read = (body: Parameters<typeof readPreview>[0]): Preview => {
  const found = readPreview(body)
  if (found === undefined) throw new Error('unreadable')
  return found.value
}

describe('a bill that the server read', () => {
  const body = {
    items: [
      { row: 4, class: 'heading', item_name: 'Walls', cells: ['', 'Walls'] },
      { row: 5, class: 'item', item_name: 'Brick', quantity: 2, cells: ['1', 'Brick', 2] },
      { row: 6, class: 'note', cells: [] },
      { row: 7, class: 'total', cells: ['', 'Total', 2] },
    ],
    columns: [{ name: 'No.', role: 'no', confidence: 1 }, { name: 'Text', role: 'description', confidence: 0.9 }, { name: '', role: null, confidence: 0 }],
    detected: { header_row: { value: 3, confidence: 0.9 }, decimal: { value: '.', confidence: 0.3, readings: [{ value: ',', sum: 1290 }, { value: '.', sum: 57.234 }] } },
    hidden: { rows: 1, columns: 0 },
    warnings: [{ code: 'hidden_rows', message: 'Hidden.', rows: [4] }],
    positions: [{ row: 5, item_name: 'Brick', quantity: 2 }],
    sum: 0,
    stated_sum: 2,
    stated_cell: 'C7',
  }

  it('has its lines, guesses, readings and sums, and counts them by class', () => {
    const found = read(body)
    expect(found.lines[1]).toEqual({ row: 5, kind: 'item', cells: ['1', 'Brick', '2'] })
    expect(found.detected.get('header_row')).toMatchObject({ value: '3', confidence: 0.9 })
    expect(found.detected.get('decimal')?.readings).toEqual([{ value: ',', sum: 1290 }, { value: '.', sum: 57.234 }])
    expect(found.detected.has('encoding')).toBe(false)
    expect(found.sum).toBe(0)
    expect(found.stated).toEqual({ sum: 2, cell: 'C7' })
    expect(classes(found.lines)).toEqual({ items: 1, headings: 1, sums: 1, ignored: 1 })
  })

  it('is a table of its own only with its headings', () => {
    expect(isTable(read(body))).toBe(true)
    expect(isTable(read({ ...body, detected: { header_row: { value: null, confidence: 0.5 } } }))).toBe(false)
    expect(isTable(read({ ...body, positions: [] }))).toBe(false)
    expect(isTable(read({ ...body, columns: [] }))).toBe(false)
  })

  it('shows less of a surprising answer, and breaks at none', () => {
    expect(readPreview(undefined)).toBeUndefined()
    expect(read({ items: 3, columns: 'x', detected: [], warnings: null }).positions).toEqual([])
  })
})

describe('corrections', () => {
  it('go into the address, columns by their letters', () => {
    expect(asParameters(AS_FOUND).toString()).toBe('')
    const roles = withRole(withRole(new Map([['quantity', 0]]), [], 3, 'quantity'), [], 27, 'unit')
    const asked = asParameters({ settings: { decimal: ',', header_row: '0' }, roles, hidden: true })
    expect(Object.fromEntries(asked)).toEqual({ header_row: '0', decimal: ',', columns: 'quantity:D,unit:AB', hidden: 'true' })
  })

  it('take a role away from its column', () => {
    const columns = [{ name: 'Qty', role: 'quantity', confidence: 1 }, { name: 'x', role: '', confidence: 0 }]
    expect([...withRole(new Map(), columns, 0, '')]).toEqual([['quantity', undefined]])
    expect([...withRole(new Map(), columns, 1, '')]).toEqual([])
    expect([...withRole(new Map([['quantity', 0]]), columns, 0, 'unit')]).toEqual([['unit', 0]])
    expect(asParameters({ ...AS_FOUND, roles: new Map([['quantity', undefined]]) }).get('columns')).toBe('quantity:-')
  })

  it('name columns as a spreadsheet does', () => expect([0, 25, 26, 51, 52, 701, 702].map(letters)).toEqual(['A', 'Z', 'AA', 'AZ', 'BA', 'ZZ', 'AAA']))
})

describe('sums', () => {
  it('agree but for a cent', () => {
    expect(agrees(154_626.12, 154_626.12)).toBe(true)
    expect(agrees(100, 100.009)).toBe(true)
    expect(agrees(100, 100.02)).toBe(false)
  })
})

describe('where a row stood in its file', () => {
  it('is no column of the table, and makes no row', () => {
    expect(columnsOf([{ row: 4, item_name: 'a', code: 'x' }])).not.toContain('row')
    expect(isBlankRow({ row: 4 })).toBe(true)
  })
})
