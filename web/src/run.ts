/**
 * A run as the page shows it: a pure function of a snapshot and the events since.
 *
 * Nothing here knows of time, network or elements. An event that was already
 * applied changes nothing, so a stream may be repeated.
 */

import { enter, isClosed, planned, queryCompleted, queryFromSnapshot, queryGrew, queryProgressed } from './query'
import { queryRetrying, queryStarted } from './query'
import type { QueryView } from './query'
import type { Cost, FinalResult, Finding, Ruleset, RunEvent, RunStarted, RunStatus, Validation, Warning } from './wire/event'
import type { JsonObject } from './wire/json'
import type { AuditInput, Decision, Snapshot } from './wire/snapshot'

export { isClosed, isWanted, rate } from './query'
export type { Attempt, Backoff, Phase, QueryView, Segment } from './query'

export interface Checks {
  readonly timeMs: number
  readonly atMs?: number
  readonly findings: readonly Finding[]
  readonly coverage?: JsonObject
  readonly ruleset?: Ruleset
}

/** A time in which no query was started; open while `to` is absent. */
export interface Pause {
  readonly from: number
  readonly to?: number
}

/** The server died while it was asking, and another process took the run over. */
export interface Restart {
  readonly at: string
  readonly kept: number
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
  readonly validation?: Validation
  readonly checks?: Checks
  readonly warnings: readonly Warning[]
  readonly final?: FinalResult
  readonly pauses: readonly Pause[]
  readonly restart?: Restart
  readonly retryOf?: string
  readonly retriedBy?: string
  /** What was decided about the findings when the run was read, by their ids. */
  readonly decisions: Readonly<Record<string, Decision>>
}

/** Events of one restart come within this time. */
const SAME_RESTART_MS = 2000
const ENDED: ReadonlySet<RunStatus> = new Set<RunStatus>(['completed', 'partial', 'failed', 'cancelled'])

/** Whether the run has ended. */
export function isTerminal(run: RunView): boolean {
  return ENDED.has(run.status)
}

/** The view a snapshot gives: everything but the course of time. */
export function fromSnapshot(snapshot: Snapshot): RunView {
  const seq = Number(snapshot.last_event_id?.split('.').pop())
  const paused = snapshot.status === 'paused'
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
    queries: snapshot.queries.map((query) => queryFromSnapshot(query, snapshot.elapsed_ms, paused)),
    validation: snapshot.validation,
    checks: snapshot.checks && { timeMs: snapshot.checks.time_ms, ...snapshot.checks },
    warnings: snapshot.warnings ?? [],
    final: snapshot.result,
    pauses: [],
    retryOf: snapshot.retry_of,
    retriedBy: snapshot.retried_by,
    decisions: snapshot.decisions ?? {},
  }
}

/** The same run before its first event, ready for a replay from the start. */
export function beforeEvents(run: RunView): RunView {
  const nothing = { queries: [], checks: undefined, warnings: [], final: undefined, pauses: [], restart: undefined }
  return { ...run, ...nothing, status: 'queued', elapsedMs: 0, lastSeq: 0 }
}

/** The run after `event`. Pure: a test is a list of events and the view it ends in. */
export function apply(run: RunView, event: RunEvent): RunView {
  if (event.seq <= run.lastSeq) return run
  const now: RunView = {
    ...run,
    // It has a place as soon as something happens.
    status: run.status === 'queued' ? 'running' : run.status,
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
      return restarted(change(now, event.query, (query) => queryRetrying(query, event)), event.reason.code, event.at)
    case 'query_completed': {
      const ended = change(now, event.query, (query) => queryCompleted(query, event))
      return release(restarted(ended, event.error?.code, event.at), event.elapsed_ms)
    }
    case 'run_warning':
      return { ...now, warnings: [...now.warnings, { code: event.code, message: event.message, query: event.query }] }
    case 'run_paused':
      return held({ ...now, status: 'paused', pauses: [...now.pauses, { from: event.elapsed_ms }] }, event.elapsed_ms)
    case 'run_resumed':
      return resumed(now, event.elapsed_ms)
    case 'final_result':
      return { ...now, status: event.status, final: event, pauses: overAt(now.pauses, event.elapsed_ms) }
    case 'passages_found':
      return now
  }
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

/** When the run's limit is reached, as things stand: it stands still while the run is paused. */
export function limitAt(run: RunView, elapsedMs: number): number | undefined {
  if (run.limitMs === undefined) return undefined
  return run.pauses.reduce((limit, pause) => limit + (pause.to ?? Math.max(pause.from, elapsedMs)) - pause.from, run.limitMs)
}

function started(run: RunView, event: RunStarted): RunView {
  const begun: RunView = {
    ...run,
    status: event.queued ? 'queued' : 'running',
    panel: event.panel,
    revision: event.panel_revision,
    limitMs: event.timeouts.run_ms,
    queries: event.queries.map(planned),
    validation: event.validation,
    retryOf: event.retry_of ?? run.retryOf,
  }
  return release(begun, event.elapsed_ms)
}

/** Puts every query whose predecessors are closed into the queue, or on hold. */
function release(run: RunView, at: number): RunView {
  const open = new Set(run.queries.filter((query) => !isClosed(query)).map((query) => query.id))
  const next = run.status === 'paused' ? 'paused' : 'queued'
  return {
    ...run,
    queries: run.queries.map((query) =>
      query.phase === 'planned' && !query.dependsOn.some((id) => open.has(id)) ? enter(query, next, at) : query,
    ),
  }
}

/** What has not started waits until the run is resumed; the rest goes on. */
function held(run: RunView, at: number): RunView {
  const queries = run.queries.map((query) =>
    query.phase === 'queued' ? { ...enter(query, 'paused', at), ahead: undefined } : query,
  )
  return { ...run, queries }
}

function resumed(run: RunView, at: number): RunView {
  const queries = run.queries.map((query) => (query.phase === 'paused' ? enter(query, 'queued', at) : query))
  return { ...run, status: 'running', pauses: overAt(run.pauses, at), queries }
}

function overAt(pauses: readonly Pause[], at: number): readonly Pause[] {
  return pauses.map((pause) => (pause.to === undefined ? { ...pause, to: at } : pause))
}

/** Queries that a dead process was asking are told one after the other; they belong to one restart. */
function restarted(run: RunView, code: string | undefined, at: string): RunView {
  if (code !== 'interrupted') return run
  const before = run.restart === undefined ? Number.NEGATIVE_INFINITY : Date.parse(run.restart.at)
  if (Date.parse(at) - before < SAME_RESTART_MS) return run
  return { ...run, restart: { at, kept: run.queries.filter((query) => query.phase === 'done').length } }
}

function change(run: RunView, id: string, step: (query: QueryView) => QueryView): RunView {
  return { ...run, queries: run.queries.map((query) => (query.id === id ? step(query) : query)) }
}
