/**
 * One query as the page shows it, and how each event changes it. Pure; `run.ts` knows of the
 * others. What a row shows of the text is kept apart from the text, so that no frame touches all of it.
 */

import { UNREAD, read } from './reading'
import type { Reading } from './reading'
import { NO_TEXT, codePoints, grown, tailOf } from './text'
import type { GrowingText } from './text'
import type { Cost, Failure, PlannedQuery, QueryCompleted, QueryDelta, QueryProgress } from './wire/event'
import type { QueryRetrying, QueryStarted, Target, Usage, Warning } from './wire/event'
import type { Json, JsonObject } from './wire/json'
import type { SnapshotQuery } from './wire/snapshot'

/** What a query is doing; the words and marks of the timeline. */
export type Phase =
  | 'planned'
  | 'queued'
  | 'paused'
  | 'connecting'
  | 'waiting'
  | 'streaming'
  | 'validating'
  | 'backoff'
  | 'done'
  | 'failed'
  | 'cancelled'
  | 'skipped'

/** A stretch of a row's bar; open while `to` is absent. */
export interface Segment {
  readonly phase: Phase
  readonly from: number
  readonly to?: number
  /** Drawn with a double join: another provider took over here. */
  readonly switched?: boolean
}

export interface Attempt extends Target {
  readonly number: number
  readonly from: number
  readonly to?: number
  readonly error?: Failure
  /** Code points received in this attempt that no longer count. */
  readonly discarded?: number
}

export interface Backoff {
  readonly attempt: number
  readonly delayMs: number
  readonly since: number
  readonly reason: Failure
}

export interface QueryView {
  readonly id: string
  /** The query of the panel: itself, or what it is a part of. */
  readonly of: string
  readonly title: string
  /** A sign that people know it by. */
  readonly icon?: string
  /** What it stands for. */
  readonly role?: string
  /** The panel's query that it is a copy of, for one model. */
  readonly copyOf?: string
  readonly dependsOn: readonly string[]
  /** Those of them that it only comes after: it does not see their answers. */
  readonly after?: readonly string[] | undefined
  readonly models: readonly string[]
  readonly timeoutMs: number
  readonly phase: Phase
  readonly progress: number
  readonly attempt: number
  readonly provider?: string
  readonly model?: string
  /** The provider asked first, when another one took over. */
  readonly switchedFrom?: string
  readonly ahead?: number
  readonly startedMs?: number
  readonly timeMs?: number
  readonly tokens?: number
  /** The last two seconds of (elapsed, tokens), for the rate. */
  readonly samples: readonly (readonly [number, number])[]
  readonly sections: readonly string[]
  readonly text: GrowingText
  readonly reading: Reading
  readonly backoff?: Backoff
  readonly attempts: readonly Attempt[]
  readonly segments: readonly Segment[]
  readonly usage?: Usage
  readonly cost?: Cost
  readonly result?: Json
  /** The complete parts of an answer that was cut: unchecked, and no answer. */
  readonly partial?: JsonObject
  readonly error?: Failure
  readonly warnings: readonly Warning[]
  /** Its answer is that of the run which this one retries. */
  readonly carriedOver: boolean
}

const TAIL = 240
const RATE_WINDOW_MS = 2000
const CLOSED: ReadonlySet<Phase> = new Set<Phase>(['done', 'failed', 'cancelled', 'skipped'])
const OUTCOME = { succeeded: 'done', failed: 'failed', skipped: 'skipped', cancelled: 'cancelled' } as const
const FRESH = { samples: [], sections: [], text: NO_TEXT, reading: UNREAD, attempts: [], segments: [], warnings: [], carriedOver: false } as const

/** Whether nothing more will come from the query. */
export function isClosed(query: QueryView): boolean {
  return CLOSED.has(query.phase)
}

/** Whether the question called for it: a condition of the panel that does not hold leaves it out, and nothing is missing. */
export function isWanted(query: QueryView): boolean {
  return query.error?.code !== 'condition_false'
}

/** The last line of what has come; of a JSON answer what its open section says. */
export function preview(query: QueryView): string {
  return query.reading.form === 'json' ? query.reading.says : tailOf(query.text, TAIL)
}

/** Tokens a second over the last two seconds before `now`; nothing before one second of receiving, and nothing of a stream that stands still. */
export function rate(query: QueryView, now: number): number | undefined {
  const first = query.samples[0]
  const last = query.samples[query.samples.length - 1]
  if (query.phase !== 'streaming' || first === undefined || last === undefined) return undefined
  if (now - last[0] > RATE_WINDOW_MS) return undefined
  const span = last[0] - first[0]
  return span < 1000 ? undefined : ((last[1] - first[1]) * 1000) / span
}

/** A query that nothing has happened to. */
export function planned(plan: PlannedQuery): QueryView {
  return {
    ...FRESH,
    id: plan.query,
    title: plan.title,
    of: plan.part?.of ?? plan.query,
    ...(plan.icon !== undefined && { icon: plan.icon }),
    ...(plan.role !== undefined && { role: plan.role }),
    ...(plan.of !== undefined && { copyOf: plan.of }),
    dependsOn: plan.depends_on,
    after: plan.after,
    models: plan.models,
    timeoutMs: plan.timeout_ms,
    phase: 'planned',
    progress: 0,
    attempt: 0,
  }
}

/** Closes the open stretch and opens one for `phase`; the same phase goes on. */
export function enter(query: QueryView, phase: Phase, at: number, switched = false): QueryView {
  const last = query.segments[query.segments.length - 1]
  if (last?.phase === phase && last.to === undefined && query.phase === phase) return query
  const segments = closed(query.segments, at)
  const drawn = CLOSED.has(phase) ? segments : [...segments, switched ? { phase, from: at, switched } : { phase, from: at }]
  return { ...query, phase, segments: drawn }
}

function closed<T extends { readonly to?: number }>(items: readonly T[], at: number): readonly T[] {
  const last = items[items.length - 1]
  return last === undefined || last.to !== undefined ? items : [...items.slice(0, -1), { ...last, to: at }]
}

/** It holds its first permit. */
export function queryStarted(query: QueryView, event: QueryStarted): QueryView {
  const at = event.elapsed_ms
  return {
    ...enter(query, 'connecting', at),
    startedMs: query.startedMs ?? at,
    provider: event.provider,
    model: event.model,
    attempt: event.attempt,
    ahead: undefined,
    attempts: [...closed(query.attempts, at), { number: event.attempt, provider: event.provider, model: event.model, from: at }],
  }
}

/** Begins attempt `number` where an event of it comes first; earlier attempts are over. */
function reach(query: QueryView, number: number | undefined, at: number): QueryView {
  if (number === undefined || !query.backoff || number < query.backoff.attempt) return query
  const switched = query.attempts[query.attempts.length - 1]?.provider !== query.provider
  const begin = Math.min(at, query.backoff.since + query.backoff.delayMs)
  return {
    ...enter(query, 'connecting', begin, switched),
    backoff: undefined,
    attempts: [
      ...query.attempts,
      { number, provider: query.provider ?? '', model: query.model ?? '', from: begin },
    ],
  }
}

/** It moved on. */
export function queryProgressed(query: QueryView, event: QueryProgress): QueryView {
  const at = event.elapsed_ms
  if (isClosed(query) || (event.attempt !== undefined && event.attempt < query.attempt)) return query
  const here = event.phase === 'queued' ? query : reach(query, event.attempt, at)
  if (here.backoff) return here
  const samples =
    event.tokens_out === undefined
      ? here.samples
      : [...here.samples.filter(([time]) => time >= at - RATE_WINDOW_MS), [at, event.tokens_out] as const]
  return {
    ...enter(here, event.phase, at),
    progress: Math.max(here.progress, event.progress),
    ahead: event.phase === 'queued' ? event.ahead : undefined,
    tokens: event.tokens_out ?? here.tokens,
    sections: event.sections ?? here.sections,
    samples,
  }
}

/** A piece of its answer came. */
export function queryGrew(query: QueryView, event: QueryDelta): QueryView {
  if (isClosed(query) || event.attempt < query.attempt) return query
  const here = enter(reach(query, event.attempt, event.elapsed_ms), 'streaming', event.elapsed_ms)
  if (event.offset < here.text.chars) return here
  const added = event.offset > here.text.chars ? `\n[...]\n${event.text}` : event.text
  const text = { ...grown(here.text, added), chars: event.offset + codePoints(event.text) }
  return { ...here, text, reading: read(here.reading, added) }
}

/** An attempt was given up and another begins. */
export function queryRetrying(query: QueryView, event: QueryRetrying): QueryView {
  const at = event.elapsed_ms
  const ended = closed(query.attempts, at)
  const last = ended[ended.length - 1]
  const attempts = last ? [...ended.slice(0, -1), { ...last, error: event.reason, discarded: event.discarded }] : ended
  return {
    ...enter(query, 'backoff', at),
    attempt: event.attempt,
    attempts,
    backoff: { attempt: event.attempt, delayMs: event.delay_ms, since: at, reason: event.reason },
    provider: event.to.provider,
    model: event.to.model,
    switchedFrom: event.from.provider === event.to.provider ? query.switchedFrom : (query.switchedFrom ?? event.from.provider),
    text: NO_TEXT,
    reading: UNREAD,
    samples: [],
    tokens: undefined,
    sections: [],
  }
}

/** It is over. */
export function queryCompleted(query: QueryView, event: QueryCompleted): QueryView {
  const at = event.elapsed_ms
  const ended = closed(query.attempts, at)
  const last = ended[ended.length - 1]
  return {
    ...enter(query, OUTCOME[event.status], at),
    progress: event.status === 'succeeded' ? 100 : query.progress,
    backoff: undefined,
    timeMs: event.time_ms,
    provider: event.provider ?? query.provider,
    model: event.model ?? query.model,
    tokens: event.usage?.output_tokens ?? query.tokens,
    attempts: last && event.error ? [...ended.slice(0, -1), { ...last, error: event.error }] : ended,
    usage: event.usage,
    cost: event.cost,
    result: event.result,
    partial: event.partial_result,
    error: event.error,
    warnings: event.warnings ?? [],
    carriedOver: event.carried_over === true,
  }
}

/** The view a snapshot gives of it: everything but the course of time. */
export function queryFromSnapshot(query: SnapshotQuery, elapsedMs: number, paused: boolean): QueryView {
  const phase = phaseOf(query, paused)
  const said = query.text ?? ''
  const from = query.started_ms
  const to = CLOSED.has(phase) && from !== undefined ? from + (query.time_ms ?? 0) : undefined
  const course: readonly Segment[] = from === undefined ? [] : [{ phase: CLOSED.has(phase) ? 'streaming' : phase, from, to }]
  return {
    ...planned(query),
    phase,
    progress: query.progress,
    attempt: query.attempt ?? query.attempts ?? 0,
    provider: query.provider,
    model: query.model,
    startedMs: from,
    timeMs: query.time_ms,
    tokens: query.usage?.output_tokens ?? query.tokens_out,
    sections: query.sections ?? [],
    text: grown(NO_TEXT, said),
    reading: read(UNREAD, said),
    segments: phase === 'queued' || phase === 'paused' ? [{ phase, from: 0, to: elapsedMs }] : course,
    usage: query.usage,
    cost: query.cost,
    result: query.result,
    partial: query.partial_result,
    error: query.error,
    warnings: query.warnings ?? [],
    carriedOver: query.carried_over === true,
  }
}

function phaseOf(query: SnapshotQuery, paused: boolean): Phase {
  if (query.status === 'running') return query.phase ?? 'connecting'
  if (query.status !== 'pending') return OUTCOME[query.status]
  const ready = query.phase ?? (query.depends_on.length > 0 ? 'planned' : 'queued')
  return ready === 'queued' && paused ? 'paused' : ready
}
