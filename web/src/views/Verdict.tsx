import { counts, isAudit } from '../report'
import { onlyRules } from '../result'
import { isTerminal, isWanted } from '../run'
import type { RunView } from '../run'
import { count, list, record, text } from '../wire/json'
import type { JsonObject } from '../wire/json'
import { faceOf } from '../verdict'
import { say } from '../words'
import { Mark } from './Mark'

const MOST_REASONS = 3

/** How the run ended, the verdict in a word and a shape, its reasons, and what it rests on; as high before the end as after. */
export function Verdict({ run, body }: { run: RunView; body: JsonObject }) {
  const verdict = record(body.verdict)
  const word = text(verdict.word)
  const known = faceOf(word)
  const reasons = list(verdict.reasons).map(text).filter(Boolean)
  // Only an audit has a verdict, and needs the room for it.
  const kind = isAudit(run) ? 'verdict' : 'verdict low'
  if (!isTerminal(run)) {
    return (
      <>
        <p class={`${kind} muted`}>{say(run.checks ? 'report.pending' : 'report.nothing_yet')}</p>
        <Basis run={run} body={body} />
      </>
    )
  }
  return (
    <>
      <div class={kind} data-testid="verdict" data-verdict={known?.tone}>
        {word !== '' && (
          <p class="verdict-word">
            <Mark shape={known?.shape ?? 'alert'} />
            <span class="unseen">{say('report.verdict')} </span>
            {known ? say(known.word) : word}
          </p>
        )}
        <div>
          <p class="tally">
            <Badge run={run} /> {(word !== '' || run.checks !== undefined) && say('report.counts', { ...counts(run) })}
          </p>
          {reasons.length > 0 && (
            <ul>
              {reasons.slice(0, MOST_REASONS).map((reason) => (
                <li key={reason}>{reason}</li>
              ))}
            </ul>
          )}
        </div>
      </div>
      <Basis run={run} body={body} />
    </>
  )
}

/** "Partial: 1 of 2 queries": counted from how the queries ended, written by no model. */
export function Badge({ run }: { run: RunView }) {
  return (
    <span class="badge" data-testid="report-status" data-status={run.status}>
      {badge(run)}
    </span>
  )
}

/** The badge's words. */
export function badge(run: RunView): string {
  const wanted = run.queries.filter(isWanted)
  const parts = { done: wanted.filter((query) => query.phase === 'done').length, n: wanted.length }
  switch (run.status) {
    case 'completed':
      return say('badge.completed', parts)
    case 'partial':
      return say('badge.partial', parts)
    case 'cancelled':
      return say('badge.cancelled', { ...parts, reason: why(run) })
    default:
      return say('badge.failed', parts)
  }
}

function why(run: RunView): string {
  const reason = run.final?.reason
  if (reason === 'disconnect') return say('report.cancel_disconnect')
  return say(reason === 'shutdown' ? 'report.cancel_shutdown' : 'report.cancel_client')
}

/** What the report rests on, in one line that is there from the start. */
function Basis({ run, body }: { run: RunView; body: JsonObject }) {
  return (
    <p class="coverage muted">
      {onlyRules(run) && !run.simulated && <b data-testid="no-model">{say('report.no_model')}</b>} {basis(run, body).join('  ·  ')}
    </p>
  )
}

/** How many rows were checked, and by which rules. */
export function basis(run: RunView, body: JsonObject): readonly string[] {
  const coverage = record(body.coverage ?? run.checks?.coverage)
  const total = count(coverage.positions_total) ?? 0
  const lines: string[] = []
  if (total > 0) lines.push(say('report.coverage', { checked: text(coverage.positions_checked), total, n: total }))
  const ruleset = record(body.ruleset)
  const name = text(ruleset.name) || run.checks?.ruleset?.name || ''
  const edition = text(ruleset.edition) || run.checks?.ruleset?.edition || ''
  if (name) lines.push(say('report.ruleset', { name: [name, edition].filter(Boolean).join(', ') }))
  return lines
}
