import { describe, expect, it } from 'vitest'
import { planned } from '../src/query'
import type { QueryView } from '../src/query'
import { beforeEvents, fromSnapshot } from '../src/run'
import type { RunView } from '../src/run'
import { figuresOf, notesOf, stateOf } from '../src/sentences'

const plan = (query: string, needs: readonly string[] = []) => ({ query, title: query.toUpperCase(), depends_on: needs, models: ['lab/x'], timeout_ms: 1000 })
const row = (changes: Partial<QueryView>): QueryView => ({ ...planned(plan('b', ['a'])), ...changes })
const run = (a: Partial<QueryView>, changes: Partial<RunView> = {}): RunView => ({
  ...beforeEvents(fromSnapshot({
    run_id: 'run_x', status: 'running', panel: 'p', panel_revision: 'r', title: 'T', question: 'Q', created_at: '', elapsed_ms: 0, queries: [],
  })),
  status: 'running',
  queries: [{ ...planned(plan('a')), ...a }, row({})],
  ...changes,
})
const failure = (code: string, message = 'why') => ({ code, message })

describe('the words of a row', () => {
  const cases: readonly (readonly [string, Partial<QueryView>, Partial<QueryView>, Partial<RunView>])[] = [
    ['Waits for A', { phase: 'planned' }, {}, {}],
    ['Queued', { phase: 'queued' }, {}, {}],
    ['Queued: calls to lab take turns, 1 ahead', { phase: 'queued', ahead: 1 }, {}, {}],
    ['Queued: calls to lab take turns, next in line', { phase: 'queued', ahead: 0 }, {}, {}],
    ['Queued: the run waits for a place', { phase: 'queued' }, {}, { status: 'queued' }],
    ['Paused: not asked before the run is resumed', { phase: 'paused' }, {}, {}],
    ['Waiting for first token', { phase: 'waiting' }, {}, {}],
    ['Waiting 2.1 s before attempt 2: why', { phase: 'backoff', backoff: { attempt: 2, delayMs: 2100, since: 0, reason: failure('rate_limited') } }, {}, {}],
    ['Failed: why', { phase: 'failed', error: failure('timeout') }, {}, {}],
    ['Skipped: needs "A", which failed', { phase: 'skipped', error: failure('dependency_failed') }, { phase: 'failed' }, {}],
    ['Skipped: needs "A", which was cancelled', { phase: 'skipped', error: failure('dependency_failed') }, { phase: 'cancelled' }, {}],
    ['Not asked: its condition does not hold: input.review', { phase: 'skipped', error: failure('condition_false', 'Skipped: its condition does not hold: input.review') }, { phase: 'failed' }, {}],
    ['Skipped: the cost limit', { phase: 'skipped', error: failure('cost_limit', 'Skipped: the cost limit') }, { phase: 'failed' }, {}],
    ['Cancelled after 3.2 s', { phase: 'cancelled', timeMs: 3200, startedMs: 1, error: failure('cancelled') }, {}, {}],
    ['Cancelled after 3.2 s: 3 have answered.', { phase: 'cancelled', timeMs: 3200, startedMs: 1, error: failure('cancelled', 'Cancelled: 3 have answered.') }, {}, {}],
    ['Cancelled before it was asked', { phase: 'cancelled', timeMs: 0, error: failure('cancelled') }, {}, {}],
    ['Kept from the run that this one retries', { phase: 'done', carriedOver: true }, {}, {}],
    ['Done in 9.8 s on fallback (openai: no first token)', {
      phase: 'done', timeMs: 9800, switchedFrom: 'openai',
      attempts: [{ number: 1, provider: 'openai', model: 'm', from: 0, to: 5, error: failure('timeout', 'no first token') }, { number: 2, provider: 'mistral', model: 'l', from: 5, to: 9 }],
    }, {}, {}],
  ]
  for (const [words, query, other, changes] of cases) {
    it(words, () => expect(stateOf(row(query), run(other, changes))).toBe(words))
  }

  it('name two that are waited for, and number more', () => {
    const waits = (needs: readonly string[]) => stateOf({ ...planned(plan('z', needs)), phase: 'planned' }, run({}, { queries: ['a', 'b', 'c', 'd', 'e', 'z'].map((id) => planned(plan(id))) }))
    expect(waits(['a', 'c'])).toBe('Waits for A, C')
    expect(waits(['a', 'b', 'c', 'e'])).toBe('Waits for 1-3, 5')
    expect(waits(['e', 'a', 'c'])).toBe('Waits for 1, 3, 5')
  })

  it('say what a cancelled query received and spent, and nothing of tokens that never came', () => {
    expect(figuresOf(row({ phase: 'cancelled', tokens: 412, provider: 'x' }))).toEqual(['412 tokens', 'price unknown'])
    expect(figuresOf(row({ phase: 'failed', tokens: 0 }))).toEqual([])
  })
})

describe('the notes of a run', () => {
  it('tell of a restart, of who stopped it and of its warnings', () => {
    const notes = notesOf(run({}, {
      restart: { at: '2026-11-20T14:02:31.000Z', kept: 1 },
      warnings: [{ code: 'one_after_another', message: 'lab answered.' }, { code: 'x', message: 'odd.', query: 'a' }],
    }))
    expect(notes[0]).toMatch(/^The server restarted at \d\d:\d\d:31\. Answers kept: 1 of 2; the rest/)
    expect(notes.slice(1)).toEqual(['lab answered.', 'A: odd.'])
    expect(notesOf(run({}))).toEqual([])
    const final = (reason: string) => ({ type: 'final_result', run_id: '', seq: 9, at: '', elapsed_ms: 9, terminal: true, status: 'cancelled', panel: 'p', reason }) as const
    expect(notesOf(run({}, { final: final('disconnect') }))).toEqual(['Cancelled because nobody watched any more.'])
    expect(notesOf(run({}, { final: final('shutdown') }))).toEqual(['Cancelled because the server stopped.'])
    expect(notesOf(run({}, { final: final('client') }))).toEqual([])
  })
})
