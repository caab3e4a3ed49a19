import { afterEach, describe, expect, it, vi } from 'vitest'
import { readCompared } from '../src/comparison'
import { decidedOf, openDecisions } from '../src/decisions'
import { quotes } from '../src/quotes'

/** The server's answers in turn, each given when the test says so. */
function answering(): { readonly sent: string[]; readonly answer: (status: number) => void } {
  const waiting: ((answer: Response) => void)[] = []
  const sent: string[] = []
  vi.stubGlobal('fetch', (_: string, { body }: { readonly body: string }) => {
    sent.push(body)
    return new Promise<Response>((resolve) => waiting.push(resolve))
  })
  return { sent, answer: (status) => waiting.shift()?.(new Response(JSON.stringify(status === 200 ? {} : { detail: 'no room' }), { status })) }
}

describe('decisions', () => {
  afterEach(() => void vi.unstubAllGlobals())

  it('show a choice at once, and what the server has when it is refused', async () => {
    const server = answering()
    const decisions = openDecisions('run_1', { F1: { decision: 'fix' } })
    const done = decisions.decide('F1', { decision: 'accept', note: 'as drawn' })
    expect(decidedOf(decisions.all.value, 'F1')).toMatchObject({ decision: { decision: 'accept' }, state: 'sending' })
    await vi.waitFor(() => expect(server.sent).toEqual(['{"decision":"accept","note":"as drawn"}']))
    server.answer(503)
    await done
    expect(decidedOf(decisions.all.value, 'F1')).toEqual({ decision: { decision: 'fix' }, state: 'refused', why: 'no room' })
  })

  it('are sent one after the other, and the last one stands', async () => {
    const server = answering()
    const decisions = openDecisions('run_1', {})
    const first = decisions.decide('F1', { decision: 'fix' })
    const second = decisions.decide('F1', undefined)
    await vi.waitFor(() => expect(server.sent).toHaveLength(1))
    server.answer(200)
    await first
    expect(decidedOf(decisions.all.value, 'F1').state, 'the first answer says nothing of the second choice').toBe('sending')
    await vi.waitFor(() => expect(server.sent[1]).toBe('{"decision":null}'))
    server.answer(500)
    await second
    expect(decidedOf(decisions.all.value, 'F1')).toMatchObject({ decision: { decision: 'fix' }, state: 'refused' })
  })

  it('leave a finding without an id undecided', () => expect(decidedOf(new Map(), undefined)).toEqual({ state: 'kept' }))
})

describe('quotations', () => {
  it('belong to the section that quotes, each once', () => {
    const one = { query: 'q', path: '/risks_identified/0/evidence', quote: 'pH 6.2', found: true, where: 'positions', row: 2 }
    const read = quotes({ evidence: [one, { ...one, path: '/risks_identified/1/title' }, { ...one, path: '/rfi_items/0', found: 'yes' }, 3] })
    expect(read.map(({ section, found, row }) => [section, found, row])).toEqual([['risks_identified', true, 2], ['rfi_items', false, 2]])
    expect(quotes({})).toEqual([])
  })
})

describe('two runs side by side', () => {
  it('are read with what the first one said otherwise', () => {
    const run = { run_id: 'run_a', title: 'A', status: 'completed', verdict: { word: 'ok' }, ruleset: { name: 'en', edition: '2021' }, performance: { total_time_ms: 12, query_times: { q: 9 } } }
    const found = readCompared({ a: run, b: { ...run, performance: null }, new: [], resolved: [{ rule: 'DUP', rows: [1] }], unchanged: [{ rule: 'GEO', before: { message: 'was 2' } }] })?.value
    expect(found?.a).toMatchObject({ id: 'run_a', ruleset: 'en 2021', verdict: 'ok', totalMs: 12, times: { q: 9 } })
    expect(found?.b.times).toEqual({})
    expect(found?.resolved[0]).toMatchObject({ rule: 'DUP', rows: [1] })
    expect(found?.unchanged[0]?.before).toEqual({ message: 'was 2' })
    expect(readCompared({ a: run })).toBeUndefined()
  })
})
