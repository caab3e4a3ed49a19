import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { preview } from '../src/query'
import { apply, beforeEvents, fromSnapshot, isTerminal, limitAt, rate, spent } from '../src/run'
import type { QueryView, RunView } from '../src/run'
import { whole } from '../src/text'
import { isRunEvent } from '../src/wire/event'
import type { RunEvent } from '../src/wire/event'
import { parse } from '../src/wire/json'
import type { Snapshot } from '../src/wire/snapshot'

const journal: readonly RunEvent[] = readFileSync(new URL('../../tests/fixtures/events.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => parse(line))
  .filter(isRunEvent)

const snapshot: Snapshot = {
  run_id: journal[0]?.run_id ?? '',
  status: 'running',
  panel: 'audit',
  panel_revision: '1f6b0c9a4e2d',
  title: 'Foundation strip',
  question: 'Foundation strip 45 m x 0.8 m x 0.6 m',
  created_at: '2026-11-20T14:02:03.000Z',
  elapsed_ms: 2000,
  last_event_id: `${journal[0]?.run_id}.13`,
  queries: [
    { query: 'a', title: 'A', depends_on: [], models: [], timeout_ms: 60000, status: 'running', phase: 'streaming', progress: 24, started_ms: 12, text: 'half' },
    { query: 'b', title: 'B', depends_on: ['a'], models: [], timeout_ms: 60000, status: 'pending', progress: 0 },
  ],
}

const empty = beforeEvents(fromSnapshot(snapshot))
const after = (until: number): RunView => journal.filter((event) => event.seq <= until).reduce(apply, empty)
const query = (run: RunView, id: string): QueryView => {
  const found = run.queries.find((one) => one.id === id)
  if (found === undefined) throw new Error(`no query ${id}`)
  return found
}
const seqOf = (type: RunEvent['type']): number => journal.find((event) => event.type === type)?.seq ?? 0

describe('a run after its journal', () => {
  it('reads every line of the fixture, numbered without holes', () => {
    expect(journal.map((event) => event.seq)).toEqual(journal.map((_, index) => index + 1))
    expect(new Set(journal.map((event) => event.type)).size).toBe(12)
  })

  it('ends with the outcome of the final result', () => {
    const run = after(Infinity)
    expect(run.status).toBe('partial')
    expect(isTerminal(run)).toBe(true)
    expect(run.checks?.findings).toHaveLength(9)
    expect(query(run, 'comprehensive_analysis').phase).toBe('done')
    expect(query(run, 'compliance_risks').error?.code).toBe('timeout')
    expect(run.warnings).toHaveLength(1)
    expect(spent(run)?.currency).toBe('USD')
  })

  it('applies each event once, however often it comes', () => {
    const once = after(Infinity)
    expect(journal.reduce(apply, once)).toBe(once)
  })

  it('joins deltas to the whole text, without a seam', () => {
    const done = query(after(Infinity), 'comprehensive_analysis')
    const all = journal.flatMap((event) => (event.type === 'query_delta' && event.query === done.id ? [event.text] : [])).join('')
    expect(whole(done.text)).toBe(all)
  })

  it('discards the text of an attempt that is asked again', () => {
    const at = seqOf('query_retrying')
    expect(query(after(at - 1), 'compliance_risks').text.chars).toBe(160)
    const cut = query(after(at), 'compliance_risks')
    expect([whole(cut.text), cut.text.chars, preview(cut), cut.phase, cut.attempt]).toEqual(['', 0, '', 'backoff', 2])
    expect(cut.attempts[0]?.discarded).toBe(160)
    expect(cut.switchedFrom).toBe('openai')
  })

  it('draws the phases one after the other, with no gap and no overlap', () => {
    for (const one of after(Infinity).queries) {
      one.segments.forEach((segment, index) => {
        expect(segment.to).toBeDefined()
        expect(segment.to ?? 0).toBeGreaterThanOrEqual(segment.from)
        const next = one.segments[index + 1]
        if (next) expect(next.from).toBe(segment.to)
      })
    }
    const phases = query(after(Infinity), 'compliance_risks').segments.map((segment) => segment.phase)
    expect(phases).toEqual(['queued', 'connecting', 'waiting', 'streaming', 'backoff', 'connecting', 'waiting'])
  })

  it('starts the next attempt when its wait is over, not when its first event comes', () => {
    const attempt = query(after(Infinity), 'compliance_risks').attempts[1]
    expect(attempt).toMatchObject({ number: 2, provider: 'mistral', from: 3200 })
  })

  it('never lets progress fall', () => {
    let before = 0
    for (const event of journal) {
      const now = query(after(event.seq), 'compliance_risks').progress
      expect(now).toBeGreaterThanOrEqual(before)
      before = now
    }
  })

  it('is paused and goes on', () => {
    expect(after(seqOf('run_paused')).status).toBe('paused')
    expect(after(seqOf('run_resumed')).status).toBe('running')
  })
})

describe('single events', () => {
  const base = { run_id: snapshot.run_id, at: '', elapsed_ms: 10 }
  const begun = apply(empty, {
    ...base, type: 'run_started', seq: 1, panel: 'p', panel_revision: 'r', api_version: 1, timeouts: { run_ms: 1000 },
    on_disconnect: 'continue', links: {},
    queries: [
      { query: 'a', title: 'A', depends_on: [], models: [], timeout_ms: 500 },
      { query: 'm', title: 'M', depends_on: ['a'], models: [], timeout_ms: 500 },
    ],
  })

  it('queues a dependent query only when its predecessors are closed', () => {
    expect(query(begun, 'm').phase).toBe('planned')
    const done = apply(begun, { ...base, type: 'query_completed', seq: 2, elapsed_ms: 90, query: 'a', status: 'succeeded', time_ms: 80, attempts: 1 })
    expect(query(done, 'm').segments).toEqual([{ phase: 'queued', from: 90 }])
  })

  it('shows a skipped query as skipped, though it never started', () => {
    const skipped = apply(begun, { ...base, type: 'query_completed', seq: 2, query: 'm', status: 'skipped', time_ms: 0, attempts: 0, error: { code: 'dependency_failed', message: 'needs A' } })
    expect(query(skipped, 'm').phase).toBe('skipped')
  })

  it('ignores late deltas of an earlier attempt and repeats of the same offset', () => {
    const delta = (seq: number, attempt: number, offset: number, text: string): RunEvent => ({ ...base, type: 'query_delta', seq, query: 'a', attempt, offset, text })
    const retrying: RunEvent = { ...base, type: 'query_retrying', seq: 4, query: 'a', attempt: 2, delay_ms: 0, discarded: 2, reason: { code: 'overloaded', message: '' }, from: { provider: 'x', model: 'm' }, to: { provider: 'x', model: 'm' } }
    const events = [delta(3, 1, 0, 'ab'), retrying, delta(5, 1, 2, 'cd'), delta(6, 2, 0, 'é\u{1f600}'), delta(7, 2, 0, 'é'), delta(8, 2, 2, '!')]
    const end = query(events.reduce(apply, begun), 'a')
    expect(whole(end.text)).toBe('é\u{1f600}!')
    expect(end.text.chars).toBe(3)
  })

  const completed = (seq: number, at: number, id: string): RunEvent => ({ ...base, type: 'query_completed', seq, elapsed_ms: at, query: id, status: 'succeeded', time_ms: at, attempts: 1 })

  it('holds what has not started while the run is paused, and moves the limit', () => {
    const paused = apply(begun, { ...base, type: 'run_paused', seq: 2, elapsed_ms: 100, by: 'client' })
    expect([query(paused, 'a').phase, query(paused, 'm').phase]).toEqual(['paused', 'planned'])
    expect([limitAt(paused, 100), limitAt(paused, 400)]).toEqual([1000, 1300])
    const resumed = apply(paused, { ...base, type: 'run_resumed', seq: 3, elapsed_ms: 600, by: 'client' })
    expect([resumed.status, query(resumed, 'a').phase, limitAt(resumed, 9999)]).toEqual(['running', 'queued', 1500])
    expect(query(resumed, 'a').segments.map(({ phase, from, to }) => [phase, from, to])).toEqual([['queued', 10, 100], ['paused', 100, 600], ['queued', 600, undefined]])
  })

  it('lets a running query finish while the run is paused, and holds what needs it', () => {
    const started: RunEvent = { ...base, type: 'query_started', seq: 2, query: 'a', provider: 'x', model: 'y', attempt: 1, queued_ms: 0 }
    const events = [started, { ...base, type: 'run_paused', seq: 3, elapsed_ms: 100, by: 'client' } as const, completed(4, 200, 'a')]
    const run = events.reduce(apply, begun)
    expect([query(run, 'a').phase, query(run, 'm').phase]).toEqual(['done', 'paused'])
  })

  it('is queued until something happens, when it has to wait for a place', () => {
    const plan = { ...base, type: 'run_started', seq: 1, panel: 'p', panel_revision: 'r', api_version: 1, timeouts: { run_ms: 1000 }, on_disconnect: 'continue', links: {}, queries: [], queued: true } as const
    const waiting = apply(empty, plan)
    expect(waiting.status).toBe('queued')
    expect(apply(waiting, { ...base, type: 'run_warning', seq: 2, code: 'x', message: '' }).status).toBe('running')
  })

  it('tells of a restart once, with the answers that were kept', () => {
    const retrying = (seq: number, id: string, at: string): RunEvent => ({ ...base, at, type: 'query_retrying', seq, query: id, attempt: 2, delay_ms: 0, discarded: 0, reason: { code: 'interrupted', message: '' }, from: { provider: 'x', model: 'm' }, to: { provider: 'x', model: 'm' } })
    const kept = apply(begun, completed(2, 50, 'a'))
    const once = apply(kept, retrying(3, 'm', '2026-11-20T14:02:31.000Z'))
    expect(once.restart).toEqual({ at: '2026-11-20T14:02:31.000Z', kept: 1 })
    expect(apply(once, retrying(4, 'm', '2026-11-20T14:02:31.100Z')).restart).toBe(once.restart)
    expect(apply(once, retrying(4, 'm', '2026-11-20T14:09:00.000Z')).restart?.at).toBe('2026-11-20T14:09:00.000Z')
  })

  it('marks an answer that was carried over', () => {
    expect(query(apply(begun, { ...completed(2, 1, 'a'), carried_over: true } as RunEvent), 'a').carriedOver).toBe(true)
  })

  it('gives a rate only after a second of receiving, and none while nothing comes', () => {
    const progress = (seq: number, at: number, tokens: number): RunEvent => ({ ...base, type: 'query_progress', seq, elapsed_ms: at, query: 'a', progress: 1, phase: 'streaming', tokens_out: tokens, attempt: 1 })
    const early = [progress(2, 100, 0), progress(3, 600, 50)].reduce(apply, begun)
    expect(rate(query(early, 'a'), 600)).toBeUndefined()
    const later = [progress(4, 1200, 110), progress(5, 3000, 200)].reduce(apply, early)
    expect(rate(query(later, 'a'), 3000)).toBe(50)
    expect(rate(query(later, 'a'), 5001)).toBeUndefined()
  })
})

describe('a snapshot', () => {
  it('shows the rows and the partial text at once', () => {
    const run = fromSnapshot(snapshot)
    expect(run.lastSeq).toBe(13)
    expect(run.queries.map((one) => [one.phase, whole(one.text)])).toEqual([['streaming', 'half'], ['planned', '']])
  })

  it('keeps the question for the replay, and nothing of the course', () => {
    expect(empty.question).toBe(snapshot.question)
    expect([empty.lastSeq, empty.queries.length, empty.status]).toEqual([0, 0, 'queued'])
  })
})
