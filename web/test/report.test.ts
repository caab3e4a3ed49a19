import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { spanMs, ticks } from '../src/axis'
import { clock, decimals, duration, label, number, price } from '../src/format'
import { answered, counts, fixFirst, further, gaps, grounds, isAudit, odd, positions, riskIndex, risks, warnings } from '../src/report'
import { content } from '../src/result'
import { rank } from '../src/severity'
import { apply, beforeEvents, fromSnapshot } from '../src/run'
import { SAMPLES, STRIP } from '../src/samples'
import { whyNot } from '../src/sentences'
import { isRunEvent } from '../src/wire/event'
import { parse } from '../src/wire/json'

const journal = readFileSync(new URL('../../tests/fixtures/events.jsonl', import.meta.url), 'utf8').trim().split('\n').map(parse).filter(isRunEvent)
const before = beforeEvents(
  fromSnapshot({ run_id: 'r', status: 'queued', panel: 'audit', panel_revision: '1', title: '', question: STRIP.question, input: STRIP.input, created_at: '', elapsed_ms: 0, queries: [] }),
)
const run = journal.reduce(apply, before)

describe('the report of a partial run', () => {
  it('says what was not checked, and takes no failure for a risk', () => {
    expect(gaps(run).map((gap) => gap.query)).toEqual(['compliance_risks', 'compliance_risks', 'compliance_risks'])
    expect(risks(content(run.final))).toEqual([])
  })

  it('names a query without an answer even where the result does not', () => {
    const silent = { ...run, final: run.final && { ...run.final, not_checked: [] } }
    expect(gaps(silent)).toEqual([{ section: '', reason: 'No first token within 15 s.', query: 'compliance_risks' }])
  })

  it('puts the worst findings first, with their rows', () => {
    expect(fixFirst(run).map((fix) => [fix.key, fix.rows])).toEqual([['F-01', [2]], ['F-02', []], ['F-03', []]])
    expect(counts(run)).toEqual({ fix: 2, verify: 3, missing: 3 })
  })

  it('flags the row that a finding names', () => {
    expect(positions(run).map((row) => row.flags.map((flag) => flag.rule))).toEqual([[], [], ['GEO-FORM']])
  })

  it('loses no field of an answer', () => {
    expect(further({ ...content(run.final), surprise: { a: 1 }, nothing: [] })).toEqual({ surprise: { a: 1 } })
  })
})

describe('what a report rests on', () => {
  it('has a line for each query from the start to the end', () => {
    const states = (upTo: number) => grounds(journal.slice(0, upTo).reduce(apply, before)).map((ground) => ground.state)
    expect(states(1)).toEqual(['awaited', 'awaited'])
    expect(states(journal.length)).toEqual(['answered', 'open'])
  })

  it('misses nothing where a condition left a query out', () => {
    const left = { ...run, queries: run.queries.map((query) => (query.phase === 'done' ? query : { ...query, phase: 'skipped' as const, error: { code: 'condition_false', message: '' } })) }
    const silent = { ...left, final: run.final && { ...run.final, not_checked: [] } }
    expect(gaps(silent)).toEqual([])
    expect(grounds(silent).map((ground) => ground.state)).toEqual(['answered', 'unasked'])
  })

  it('gathers the sections of one reason, and counts rows that were not sent', () => {
    const [first, second] = grounds(run)
    expect(second?.missing.map(({ sections }) => sections.length)).toEqual([3])
    expect(first?.unsent).toBe(0)
    const cut = { ...run, final: run.final && { ...run.final, coverage: { positions_total: 412, positions_sent: { comprehensive_analysis: 389 } } } }
    expect(grounds(cut)[0]?.unsent).toBe(23)
  })

  it('knows the parts of a query as one, and says which rows a failed part has left unread', () => {
    const [first, second] = run.queries
    if (first === undefined || second === undefined) throw new Error('two queries')
    const parts = [{ ...first, id: 'compliance_risks-1', of: 'compliance_risks' }, { ...second, id: 'compliance_risks-2' }]
    const gap = { section: 'positions', reason: 'rows 700 to 1399 were not read: no.', query: 'compliance_risks-2' }
    const final = run.final && { ...run.final, not_checked: [gap], coverage: { positions_total: 1400, positions_sent: { compliance_risks: 1390 } } }
    const split = { ...run, queries: parts, final }
    expect(answered(split, 'compliance_risks')).toBe(true)
    expect(answered({ ...split, queries: parts.slice(1) }, 'compliance_risks')).toBe(false)
    expect(grounds(split).map((ground) => ground.missing.map((missing) => missing.reason))).toEqual([[], [gap.reason]])
    expect(grounds(split).map((ground) => ground.unsent)).toEqual([10, 0])
    const lost = ['compliance_status', 'risks_identified'].map((section) => ({ section, reason: 'no', query: 'compliance_risks' }))
    const failed = { ...split, queries: parts.map((part) => ({ ...second, id: part.id })), final: final && { ...final, not_checked: lost } }
    expect(grounds(failed).map((ground) => ground.missing.flatMap(({ sections }) => sections))).toEqual([['compliance_status', 'risks_identified'], []])
    expect(counts(failed).missing).toBe(3)
    const warned = { ...failed, warnings: [], final: final && { ...final, warnings: [{ source: 'compliance_risks', code: second.error?.code ?? '', message: 'no' }] } }
    expect(warnings(warned)).toEqual([])
  })

  it('tells a failed query under what was not checked and not among the warnings again', () => {
    expect(warnings(run).filter((warning) => warning.source === 'compliance_risks')).toEqual([])
  })

  it('says what came before a query was stopped', () => {
    const failed = run.queries.find((query) => query.phase === 'failed')
    const why = (which: string, tokens: number, code = 'timeout') => failed && whyNot({ ...failed, tokens, error: { code, message: 'The server says so.', which, limit_ms: 30_000 } })
    expect(why('idle', 96)).toBe('The stream stopped for 30 s after 96 tokens.')
    expect(why('idle', 0)).toBe('The stream stopped for 30 s.')
    expect(why('attempt', 412)).toBe('Stopped after 30 s (limit per call); 412 tokens had come.')
    expect(why('connect', 0)).toBe('No connection within 30 s.')
    expect(why('', 412, 'cut_mid_answer')).toBe('The connection broke after 412 tokens.')
    expect(why('', 0, 'provider_error')).toBe('The server says so.')
  })
})

describe('a surprising result', () => {
  it('is shown as it came where its shape is unknown', () => {
    const body = { risks_identified: 2, compliance_checks: [{ items: [] }], compliance_status: 'fine', comprehensive_analysis: 'words' }
    expect(odd(body)).toEqual({ risks_identified: 2, compliance_status: 'fine', comprehensive_analysis: 'words' })
    expect(further({ ...body, more: 1 })).toEqual({ more: 1 })
  })

  it('knows no severity by the name of something else', () => {
    expect(['constructor', '__proto__', 'CRITICAL', 'low', ''].map(rank)).toEqual([0, 0, 4, 1, 0])
  })

  it('is no audit without a query or a check of one', () => {
    expect(isAudit(run)).toBe(true)
    expect(isAudit({ ...run, checks: undefined, queries: [], final: undefined })).toBe(false)
  })

  it('places each risk once in the index, and those of too many categories in the last column', () => {
    const register = risks({ risks_identified: Array.from({ length: 12 }, (_, at) => ({ severity: at % 2 ? 'high' : 'low', category: `c${at}` })) })
    const { categories, rows } = riskIndex(register)
    expect(categories).toHaveLength(6)
    expect(rows.map((row) => row.level)).toEqual([3, 1])
    expect(rows.flatMap((row) => row.cells.flat()).map((risk) => risk.key).sort()).toEqual(register.map((risk) => risk.key).sort())
  })
})

describe('numbers', () => {
  it('read as people write them', () => {
    expect(number(18412330.5, 2)).toBe('18\u202f412\u202f330.50')
    expect(decimals([22.5, 2.25, 108])).toBe(2)
    expect([duration(3), duration(911), duration(9140), duration(125_000)]).toEqual(['3 ms', '0.9 s', '9.1 s', '2 min 5 s'])
    expect(clock(11_449)).toBe('00:11.4')
    expect(label('min_cement_kg_m3')).toBe('Min cement, kg/m³')
    expect(label('cost_per_m3_czk')).toBe('Cost per m3, CZK')
  })

  it('never show a price that nobody knows', () => {
    expect(price(undefined)).toBe('price unknown')
    expect(price({ amount: 0.021, currency: 'USD', complete: false })).toBe('at least USD 0.021')
    expect(price(undefined, 'rules')).toBe('no cost')
    const whole = { amount: 0.021, currency: 'USD', complete: true }
    expect(price(whole)).toBe('USD 0.021')
    expect(price({ ...whole, estimated: true })).toBe('about USD 0.021')
    expect(price({ ...whole, amount: 0 })).toBe('free')
    expect(price({ ...whole, amount: 0, complete: false })).toBe('price unknown')
    expect(price({ ...whole, amount: 0.00001675 })).toBe('under USD 0.001')
  })
})

describe('the axis', () => {
  it('doubles in one step and never shrinks while the run is live', () => {
    expect([0, 26_000, 28_000, 55_000].map((ms) => spanMs('auto', ms, true))).toEqual([30_000, 30_000, 60_000, 120_000])
    expect([5, 900, 8000, 15_004].map((ms) => spanMs('auto', ms, false))).toEqual([1000, 1000, 10_000, 20_000])
    expect([spanMs('fit', 8000, true), spanMs(10, 60_000, true)]).toEqual([10_000, 10_000])
  })

  it('has a few round ticks', () => {
    expect(ticks(30_000)).toEqual([0, 5000, 10_000, 15_000, 20_000, 25_000, 30_000])
    expect(ticks(1000)).toHaveLength(6)
  })
})

describe('the samples', () => {
  it('are the examples of the repository', () => {
    expect(SAMPLES.map((sample) => sample.input.positions?.length ?? 0)).toEqual([3, 5, 0])
  })
})
