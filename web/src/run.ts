/**
 * A run as the page shows it: a pure function of a snapshot and the events since.
 *
 * Nothing here knows of time, network or elements. An event that was already
 * applied changes nothing, so a stream may be repeated.
 */

import type { Cost, Failure, FinalResult, Finding, QueryCompleted, QueryDelta, QueryProgress } from './wire/event'
import type { QueryRetrying, QueryStarted, Ruleset, RunEvent, RunStarted, RunStatus } from './wire/event'
import type { Target, Usage, Warning } from './wire/event'
import type { Json, JsonObject } from './wire/json'
import type { AuditInput, Snapshot, SnapshotQuery } from './wire/snapshot'

/** What a query is doing; the words and marks of the timeline. */
export type Phase =
  | 'planned'
  | 'queued'
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
  readonly title: string
  readonly dependsOn: readonly string[]
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
  readonly text: string
  /** The end of `text`, kept apart so that a frame never touches the whole. */
  readonly tail: string
  readonly chars: number
  readonly backoff?: Backoff
  readonly attempts: readonly Attempt[]
  readonly segments: readonly Segment[]
  readonly usage?: Usage
  readonly cost?: Cost
  readonly result?: Json
  readonly error?: Failure
  readonly warnings: readonly Warning[]
}

export interface Checks {
  readonly timeMs: number
  readonly atMs?: number
  readonly findings: readonly Finding[]
  readonly coverage?: JsonObject
  readonly ruleset?: Ruleset
}

export interface RunView {
  readonly id: string
  readonly status: RunStatus
  readonly panel: string
  readonly revision: string
  readonly title: string
  readonly question: string
  readonly input: AuditInput
  readonly createdAt: string
  readonly simulated: boolean
  readonly limitMs?: number
  readonly elapsedMs: number
  readonly lastSeq: number
  readonly queries: readonly QueryView[]
  readonly checks?: Checks
  readonly warnings: readonly Warning[]
  readonly final?: FinalResult
}

const TAIL = 240
const RATE_WINDOW_MS = 2000
const ENDED: ReadonlySet<RunStatus> = new Set<RunStatus>(['completed', 'partial', 'failed', 'cancelled'])
const CLOSED: ReadonlySet<Phase> = new Set<Phase>(['done', 'failed', 'cancelled', 'skipped'])
const OUTCOME = { succeeded: 'done', failed: 'failed', skipped: 'skipped', cancelled: 'cancelled' } as const

/** Whether the run has ended. */
export function isTerminal(run: RunView): boolean {
  return ENDED.has(run.status)
}

/** Whether nothing more will come from the query. */
export function isClosed(query: QueryView): boolean {
  return CLOSED.has(query.phase)
}

/** The view a snapshot gives: everything but the course of time. */
export function fromSnapshot(snapshot: Snapshot): RunView {
  const seq = Number(snapshot.last_event_id?.split('.').pop())
  return {
    id: snapshot.run_id,
    status: snapshot.status,
    panel: snapshot.panel,
    revision: snapshot.panel_revision,
    title: snapshot.title,
    question: snapshot.question,
    input: snapshot.input ?? {},
    createdAt: snapshot.created_at,
    simulated: snapshot.simulated === true,
    limitMs: snapshot.timeouts?.run_ms,
    elapsedMs: snapshot.elapsed_ms,
    lastSeq: Number.isFinite(seq) ? seq : 0,
    queries: snapshot.queries.map((query) => queryFromSnapshot(query, snapshot.elapsed_ms)),
    checks: snapshot.checks && { timeMs: snapshot.checks.time_ms, ...snapshot.checks },
    warnings: snapshot.warnings ?? [],
    final: snapshot.result,
  }
}

/** The same run before its first event, ready for a replay from the start. */
export function beforeEvents(run: RunView): RunView {
  return { ...run, status: 'queued', elapsedMs: 0, lastSeq: 0, queries: [], checks: undefined, warnings: [], final: undefined }
}

/** The run after `event`. Pure: a test is a list of events and the view it ends in. */
export function apply(run: RunView, event: RunEvent): RunView {
  if (event.seq <= run.lastSeq) return run
  const now: RunView = {
    ...run,
    lastSeq: event.seq,
    elapsedMs: Math.max(run.elapsedMs, event.elapsed_ms),
    simulated: run.simulated || event.simulated === true,
  }
  switch (event.type) {
    case 'run_started':
      return started(now, event)
    case 'checks_completed':
      return {
        ...now,
        checks: {
          timeMs: event.time_ms,
          atMs: event.elapsed_ms,
          findings: event.findings,
          coverage: event.coverage,
          ruleset: event.ruleset,
        },
      }
    case 'query_started':
      return change(now, event.query, (query) => queryStarted(query, event))
    case 'query_progress':
      return change(now, event.query, (query) => queryProgressed(query, event))
    case 'query_delta':
      return change(now, event.query, (query) => queryGrew(query, event))
    case 'query_retrying':
      return change(now, event.query, (query) => queryRetrying(query, event))
    case 'query_completed':
      return release(change(now, event.query, (query) => queryCompleted(query, event)), event.elapsed_ms)
    case 'run_warning':
      return { ...now, warnings: [...now.warnings, { code: event.code, message: event.message, query: event.query }] }
    case 'run_paused':
      return { ...now, status: 'paused' }
    case 'run_resumed':
      return { ...now, status: 'running' }
    case 'final_result':
      return { ...now, status: event.status, final: event }
    case 'passages_found':
      return now
  }
}

/** Tokens a second over the last two seconds; nothing before one second of receiving. */
export function rate(query: QueryView): number | undefined {
  const first = query.samples[0]
  const last = query.samples[query.samples.length - 1]
  if (query.phase !== 'streaming' || first === undefined || last === undefined) return undefined
  const span = last[0] - first[0]
  return span < 1000 ? undefined : ((last[1] - first[1]) * 1000) / span
}

/** The sum of what the queries have cost so far, if any price is known. */
export function spent(run: RunView): Cost | undefined {
  if (run.final?.performance?.cost) return run.final.performance.cost
  const known = run.queries.flatMap((query) => (query.cost ? [query.cost] : []))
  const first = known[0]
  if (first === undefined) return undefined
  return {
    amount: known.reduce((sum, cost) => sum + cost.amount, 0),
    currency: first.currency,
    estimated: known.some((cost) => cost.estimated),
    complete: known.every((cost) => cost.complete) && known.length === run.queries.filter((query) => query.attempts.length > 0).length,
  }
}

function started(run: RunView, event: RunStarted): RunView {
  const queries = event.queries.map((planned): QueryView => ({
    id: planned.query,
    title: planned.title,
    dependsOn: planned.depends_on,
    models: planned.models,
    timeoutMs: planned.timeout_ms,
    phase: 'planned',
    progress: 0,
    attempt: 0,
    samples: [],
    sections: [],
    text: '',
    tail: '',
    chars: 0,
    attempts: [],
    segments: [],
    warnings: [],
  }))
  const begun = { ...run, status: 'running' as const, panel: event.panel, revision: event.panel_revision, limitMs: event.timeouts.run_ms, queries }
  return release(begun, event.elapsed_ms)
}

/** Puts every query whose predecessors are closed into the queue. */
function release(run: RunView, at: number): RunView {
  const open = new Set(run.queries.filter((query) => !isClosed(query)).map((query) => query.id))
  return {
    ...run,
    queries: run.queries.map((query) =>
      query.phase === 'planned' && !query.dependsOn.some((id) => open.has(id)) ? enter(query, 'queued', at) : query,
    ),
  }
}

function change(run: RunView, id: string, step: (query: QueryView) => QueryView): RunView {
  return { ...run, queries: run.queries.map((query) => (query.id === id ? step(query) : query)) }
}

/** Closes the open stretch and opens one for `phase`; the same phase goes on. */
function enter(query: QueryView, phase: Phase, at: number, switched = false): QueryView {
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

function queryStarted(query: QueryView, event: QueryStarted): QueryView {
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

function queryProgressed(query: QueryView, event: QueryProgress): QueryView {
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

function queryGrew(query: QueryView, event: QueryDelta): QueryView {
  if (isClosed(query) || event.attempt < query.attempt) return query
  const here = enter(reach(query, event.attempt, event.elapsed_ms), 'streaming', event.elapsed_ms)
  if (event.offset < here.chars) return here
  const added = event.offset > here.chars ? `\n[...]\n${event.text}` : event.text
  return {
    ...here,
    text: here.text + added,
    tail: (here.tail + added).slice(-TAIL),
    chars: event.offset + codePoints(event.text),
  }
}

function queryRetrying(query: QueryView, event: QueryRetrying): QueryView {
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
    text: '',
    tail: '',
    chars: 0,
    samples: [],
    tokens: undefined,
    sections: [],
  }
}

function queryCompleted(query: QueryView, event: QueryCompleted): QueryView {
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
    error: event.error,
    warnings: event.warnings ?? [],
  }
}

function queryFromSnapshot(query: SnapshotQuery, elapsedMs: number): QueryView {
  const phase = phaseOf(query)
  const whole = query.text ?? ''
  const from = query.started_ms
  const to = CLOSED.has(phase) && from !== undefined ? from + (query.time_ms ?? 0) : undefined
  const course: readonly Segment[] = from === undefined ? [] : [{ phase: CLOSED.has(phase) ? 'streaming' : phase, from, to }]
  return {
    id: query.query,
    title: query.title,
    dependsOn: query.depends_on,
    models: query.models,
    timeoutMs: query.timeout_ms,
    phase,
    progress: query.progress,
    attempt: query.attempt ?? query.attempts ?? 0,
    provider: query.provider,
    model: query.model,
    startedMs: from,
    timeMs: query.time_ms,
    tokens: query.usage?.output_tokens ?? query.tokens_out,
    samples: [],
    sections: query.sections ?? [],
    text: whole,
    tail: whole.slice(-TAIL),
    chars: codePoints(whole),
    attempts: [],
    segments: phase === 'queued' ? [{ phase, from: 0, to: elapsedMs }] : course,
    usage: query.usage,
    cost: query.cost,
    result: query.result,
    error: query.error,
    warnings: query.warnings ?? [],
  }
}

function phaseOf(query: SnapshotQuery): Phase {
  if (query.status === 'running') return query.phase ?? 'connecting'
  if (query.status === 'pending') return query.phase ?? (query.depends_on.length > 0 ? 'planned' : 'queued')
  return OUTCOME[query.status]
}

function codePoints(text: string): number {
  let points = 0
  for (const _ of text) points += 1
  return points
}
