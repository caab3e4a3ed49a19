import { useEffect } from 'preact/hooks'
import { label, moment } from '../format'
import { footPages } from '../print'
import { quotes } from '../quotes'
import { grounds } from '../report'
import type { RunView } from '../run'
import { titleOf } from '../sentences'
import type { JsonObject } from '../wire/json'
import { say } from '../words'
import { answerer } from './Section'
import { badge, basis } from './Verdict'

/** What page one of a print must say, on paper only. */
export function PrintHead({ run, body }: { run: RunView; body: JsonObject }) {
  const asked = [...new Set(run.queries.filter((query) => query.provider).map((query) => answerer(query.provider, query.model)))]
  const sent = grounds(run).filter((ground) => ground.sent !== undefined)
  const missing = grounds(run).flatMap(({ query, missing: parts }) =>
    parts.map(({ reason, sections }) => say(sections.length > 0 ? 'print.missing' : 'print.failed', { query: query.title, reason, sections: sections.map(label).join(', ') })),
  )
  const quoted = quotes(body)
  useEffect(() => footPages(say('print.foot', { run: run.id })), [run.id])
  const lines = [
    [say('print.project'), run.title],
    [say('print.date'), moment(run.createdAt)],
    [say('print.run'), run.id],
    [say('print.panel'), say('run.revision', { panel: run.panel, revision: run.revision })],
    [say('print.models'), asked.join(', ') || say('report.rules')],
    [say('print.status'), run.simulated ? `${badge(run)}. ${say('run.simulated')}` : badge(run)],
    [say('print.coverage'), [...basis(run, body), ...sent.map((ground) => say('print.sent', { query: titleOf(run, ground.query.of), n: ground.sent ?? 0 }))].join('; ')],
    [say('quote.title'), quoted.length > 0 ? say('quote.count', { n: quoted.length, found: quoted.filter(({ found }) => found).length }) : say('print.no_quotes')],
    [say('report.not_checked'), missing.join(' ') || say('print.nothing_missing')],
  ]
  return (
    <div class="on-paper" data-testid="print-head">
      <dl>
        {lines.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <p class="print-note">{say('print.disclaimer')}</p>
      <p class="signature">
        <span>{say('print.name')}</span>
        <span>{say('print.signature')}</span>
        <span>{say('print.date')}</span>
      </p>
    </div>
  )
}

/** The last line of a print. */
export function PrintFoot() {
  return <p class="on-paper print-note">{say('print.disclaimer')}</p>
}
