/** What a row of the timeline says in words; everything its bar says. */

import { duration, number, price, reason } from './format'
import { isClosed, isWanted } from './run'
import type { Phase, QueryView, RunView } from './run'
import type { RunStatus } from './wire/event'
import { say } from './words'
import type { Word } from './words'

const PHASE: Readonly<Record<Phase, Word>> = {
  planned: 'phase.planned',
  queued: 'phase.queued',
  paused: 'phase.paused',
  connecting: 'phase.connecting',
  waiting: 'phase.waiting',
  streaming: 'phase.streaming',
  validating: 'phase.validating',
  backoff: 'phase.backoff',
  done: 'phase.done',
  failed: 'phase.failed',
  cancelled: 'phase.cancelled',
  skipped: 'phase.skipped',
}

const STATUS: Readonly<Record<RunStatus, Word>> = {
  queued: 'status.queued',
  running: 'status.running',
  paused: 'status.paused',
  completed: 'status.completed',
  partial: 'status.partial',
  failed: 'status.failed',
  cancelled: 'status.cancelled',
}

/** The run's status in words. */
export function statusWord(status: RunStatus): string {
  return say(STATUS[status])
}

/** The phase's word. */
export function phaseWord(phase: Phase): string {
  return say(PHASE[phase])
}

/** What the query is doing, and why. */
export function stateOf(query: QueryView, run: RunView): string {
  const time = duration(query.timeMs ?? 0)
  switch (query.phase) {
    case 'planned':
      return say('row.planned', { queries: neededBy(query, run) })
    case 'queued':
      return queued(query, run)
    case 'paused':
      return say('row.paused')
    case 'backoff': {
      const { backoff } = query
      if (backoff === undefined) return phaseWord('backoff')
      return say('row.backoff', { time: duration(backoff.delayMs), n: backoff.attempt, why: reason(backoff.reason) })
    }
    case 'failed':
      return say('row.failed', { why: whyNot(query) })
    case 'skipped':
      return skipped(query, run)
    case 'cancelled':
      return cancelled(query, time)
    case 'done':
      return done(query, time)
    default:
      return phaseWord(query.phase)
  }
}

function queued(query: QueryView, run: RunView): string {
  if (run.status === 'queued') return say('row.no_place')
  if (query.ahead === undefined) return phaseWord('queued')
  const provider = query.models[0]?.split('/')[0] ?? ''
  return query.ahead === 0 ? say('row.next', { provider }) : say('row.ahead', { provider, n: query.ahead })
}

/** Who cancelled needs no reason; what the panel cancels itself has one, such as that enough have answered. */
function cancelled(query: QueryView, time: string): string {
  if (query.startedMs === undefined) return say('row.cancelled_unasked')
  const why = /^Cancelled: (.+)$/.exec(query.error?.message ?? '')?.[1]
  return why === undefined ? say('row.cancelled', { time }) : say('row.cancelled_why', { time, why })
}

/** Two names fit into a row; of more the numbers of their rows, "1-4, 6". */
function neededBy(query: QueryView, run: RunView): string {
  if (query.dependsOn.length <= 2) return query.dependsOn.map((id) => titleOf(run, id)).join(', ')
  const rows = run.queries.flatMap((one, index) => (query.dependsOn.includes(one.id) ? [index + 1] : []))
  const firsts = rows.filter((row) => !rows.includes(row - 1))
  const lasts = rows.filter((row) => !rows.includes(row + 1))
  return firsts.map((first, index) => (first === lasts[index] ? `${first}` : `${first}-${lasts[index]}`)).join(', ')
}

function skipped(query: QueryView, run: RunView): string {
  // The server's sentence begins with the word as well.
  const why = whyNot(query).replace(/^Skipped: /, '')
  if (!isWanted(query)) return say('row.unasked', { why })
  const needed = query.error?.code === 'dependency_failed' && run.queries.find((one) => query.dependsOn.includes(one.id) && isClosed(one) && one.phase !== 'done')
  if (!needed) return say('row.skipped', { why })
  const words = { cancelled: say('row.skipped_cancelled', { query: needed.title }), skipped: say('row.skipped_skipped', { query: needed.title }) }
  return needed.phase === 'cancelled' || needed.phase === 'skipped' ? words[needed.phase] : say('row.skipped_failed', { query: needed.title })
}

function done(query: QueryView, time: string): string {
  if (query.carriedOver) return say('row.carried')
  const first = query.attempts.find((attempt) => attempt.provider === query.switchedFrom && attempt.error)
  if (query.switchedFrom === undefined || first === undefined) return say('row.done', { time })
  return say('row.done_fallback', { time, provider: query.switchedFrom, why: reason(first.error) })
}

/** The numbers beside it: attempt, tokens, rate (`speed`), sections, cost. */
export function figuresOf(query: QueryView, speed?: number): readonly string[] {
  const figures: string[] = []
  if (query.attempt > 1) figures.push(say('row.attempt', { n: query.attempt }))
  if ((query.tokens ?? 0) > 0 && !query.carriedOver) figures.push(say('row.tokens', { n: number(query.tokens ?? 0) }))
  if (speed !== undefined) figures.push(say('row.rate', { n: speed }))
  if (!isClosed(query) && query.sections.length > 0) figures.push(say('row.sections', { n: query.sections.length }))
  // A failure that cost nothing known says nothing of cost.
  const paid = query.cost !== undefined || query.phase === 'done' || (query.phase === 'cancelled' && (query.tokens ?? 0) > 0)
  if (isClosed(query) && paid && !query.carriedOver) figures.push(price(query.cost, query.provider))
  return figures
}

/** Why the query has no answer, with the figures that its failure carries. */
export function whyNot(query: QueryView): string {
  const failure = query.error
  if (failure === undefined) return query.phase === 'cancelled' ? say('code.cancelled') : reason(failure)
  const n = query.tokens ?? 0
  const kept = n > 0 ? { n, tokens: number(n) } : undefined
  if (failure.code === 'cut_mid_answer' && kept) return say('why.cut', kept)
  if (failure.code === 'run_timeout' && kept) return say('why.kept', { why: reason(failure), ...kept })
  if (failure.code !== 'timeout' || failure.limit_ms === undefined) return reason(failure)
  const time = say('time.seconds', { n: number(failure.limit_ms / 1000) })
  switch (failure.which) {
    case 'connect':
      return say('why.connect', { time })
    case 'first_content':
      return say('why.first_content', { time })
    case 'idle':
      return kept ? say('why.idle_after', { time, ...kept }) : say('why.idle', { time })
    case 'attempt':
      return kept ? say('why.attempt_kept', { time, ...kept }) : say('why.attempt', { time })
    case 'query':
      return kept ? say('why.query_kept', { time, ...kept }) : say('why.query', { time })
    default:
      return reason(failure)
  }
}

/** Why the query has no answer, with the names of what it needed. */
export function whyOpen(query: QueryView, run: RunView): string {
  return query.phase === 'skipped' ? stateOf(query, run) : whyNot(query)
}

/** A query's title, or its name where the plan does not list it. */
export function titleOf(run: RunView, id: string): string {
  const whole = () => run.queries.find((query) => query.of === id)?.title.replace(/ \(\d+\/\d+\)$/, '')
  return run.queries.find((query) => query.id === id)?.title ?? whole() ?? id
}

/** What a reader of the running run should know: who stopped it, restarts, warnings of the run and of its answers. */
export function notesOf(run: RunView): readonly string[] {
  const { restart } = run
  const notes: string[] = []
  if (run.status === 'queued') notes.push(say('note.no_place'))
  if (restart) notes.push(say('note.restarted', { time: new Date(restart.at).toLocaleTimeString('en-GB'), kept: restart.kept, n: run.queries.length }))
  if (run.final?.reason === 'disconnect') notes.push(say('note.disconnect'))
  if (run.final?.reason === 'shutdown') notes.push(say('note.shutdown'))
  for (const warning of run.warnings) notes.push(warning.query ? say('note.of', { query: titleOf(run, warning.query), message: warning.message }) : warning.message)
  return notes
}

/** What a reader should know of one answer. */
export function notesOfQuery(query: QueryView): readonly string[] {
  return query.warnings.map((warning) => warning.message)
}
