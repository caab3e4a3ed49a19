import { counts, onlyRules } from '../report'
import { isTerminal } from '../run'
import type { RunView } from '../run'
import { titleOf } from '../sentences'
import { count, list, record, text } from '../wire/json'
import type { JsonObject } from '../wire/json'
import { say } from '../words'
import { Mark } from './Mark'
import type { Shape } from './Mark'

/** The verdict in a word and a shape, its reasons, and what it rests on. */
export function Verdict({ run, body }: { run: RunView; body: JsonObject }) {
  const verdict = record(body.verdict)
  const word = text(verdict.word)
  const known = WORDS[word.toLowerCase().replaceAll(/[\s-]+/g, '_')]
  const tally = counts(run)
  const reasons = list(verdict.reasons).map(text).filter(Boolean)
  if (!isTerminal(run)) {
    return (
      <>
        <p class="verdict muted">{say(run.checks ? 'report.pending' : 'report.nothing_yet')}</p>
        <Basis run={run} body={body} />
      </>
    )
  }
  // A panel without checks and without a verdict has nothing to count.
  if (word === '' && run.checks === undefined) return null
  return (
    <>
      {run.status === 'cancelled' && <p class="muted">{say('report.cancelled', { reason: why(run) })}</p>}
      <div class="verdict" data-testid="verdict" data-verdict={known?.tone}>
        {word !== '' && (
          <p class="verdict-word">
            <Mark shape={known?.shape ?? 'alert'} />
            <span class="unseen">{say('report.verdict')} </span>
            {known ? say(known.word) : word}
          </p>
        )}
        <div>
          <p class="tally">{say('report.counts', { ...tally })}</p>
          {reasons.length > 0 && (
            <ul>
              {reasons.map((reason) => (
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

const WORDS: Readonly<Record<string, { word: Parameters<typeof say>[0]; shape: Shape; tone: string } | undefined>> = {
  critical: { word: 'report.verdict_critical', shape: 'cross', tone: 'bad' },
  not_compliant: { word: 'report.verdict_not_compliant', shape: 'cross', tone: 'bad' },
  non_compliant: { word: 'report.verdict_not_compliant', shape: 'cross', tone: 'bad' },
  unknown: { word: 'report.verdict_unknown', shape: 'query', tone: 'unsure' },
  attention: { word: 'report.verdict_attention', shape: 'alert', tone: 'unsure' },
  ok: { word: 'report.verdict_ok', shape: 'tick', tone: 'good' },
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

/** How many rows were checked and sent, and by which rules. */
function basis(run: RunView, body: JsonObject): readonly string[] {
  const coverage = record(body.coverage ?? run.checks?.coverage)
  const total = count(coverage.positions_total) ?? 0
  const lines: string[] = []
  if (total > 0) {
    lines.push(say('report.coverage', { checked: text(coverage.positions_checked), total, n: total }))
    for (const [query, sent] of Object.entries(record(coverage.positions_sent))) {
      lines.push(say('report.sent', { sent: text(sent), total, query: titleOf(run, query) }))
    }
  }
  const ruleset = record(body.ruleset)
  const name = text(ruleset.name) || run.checks?.ruleset?.name || ''
  const edition = text(ruleset.edition) || run.checks?.ruleset?.edition || ''
  if (name) lines.push(say('report.ruleset', { name: [name, edition].filter(Boolean).join(', ') }))
  return lines
}
