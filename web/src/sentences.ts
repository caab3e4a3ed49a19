/** What a row of the timeline says in words; everything its bar says. */

import { duration, number, price, reason } from './format'
import { isClosed, rate } from './run'
import type { Phase, QueryView, RunView } from './run'
import { say } from './words'
import type { Word } from './words'

const PHASE: Readonly<Record<Phase, Word>> = {
  planned: 'phase.planned',
  queued: 'phase.queued',
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

/** The phase's word. */
export function phaseWord(phase: Phase): string {
  return say(PHASE[phase])
}

/** What the query is doing, and why. */
export function stateOf(query: QueryView, run: RunView): string {
  const time = duration(query.timeMs ?? 0)
  switch (query.phase) {
    case 'planned':
      return say('row.planned', { queries: query.dependsOn.map((id) => titleOf(run, id)).join(', ') })
    case 'queued':
      return query.ahead === undefined ? phaseWord('queued') : say('row.ahead', { n: query.ahead })
    case 'backoff': {
      const { backoff } = query
      if (backoff === undefined) return phaseWord('backoff')
      return say('row.backoff', { time: duration(backoff.delayMs), n: backoff.attempt, why: reason(backoff.reason) })
    }
    case 'failed':
      return say('row.failed', { why: whyNot(query) })
    case 'skipped':
      return say('row.skipped', { why: whyNot(query) })
    case 'cancelled':
      return say('row.cancelled', { time })
    case 'done':
      return say('row.done', { time })
    default:
      return phaseWord(query.phase)
  }
}

/** The numbers beside it: attempt, tokens, rate, sections, cost. */
export function figuresOf(query: QueryView): readonly string[] {
  const figures: string[] = []
  const speed = rate(query)
  if (query.attempt > 1) figures.push(say('row.attempt', { n: query.attempt }))
  if (query.tokens !== undefined) figures.push(say('row.tokens', { n: number(query.tokens) }))
  if (speed !== undefined) figures.push(say('row.rate', { n: Math.round(speed) }))
  if (!isClosed(query) && query.sections.length > 0) figures.push(say('row.sections', { n: query.sections.length }))
  // A failure that cost nothing known says nothing of cost.
  const paid = query.cost !== undefined || query.phase === 'done'
  if (isClosed(query) && paid) figures.push(price(query.cost, query.provider))
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

/** A query's title, or its name where the plan does not list it. */
export function titleOf(run: RunView, id: string): string {
  return run.queries.find((query) => query.id === id)?.title ?? id
}
