import { resultPath } from '../api'
import { label, number } from '../format'
import { COMPREHENSIVE, TECHNICAL, answered, content, further, gaps, warnings } from '../report'
import { isTerminal } from '../run'
import type { RunView } from '../run'
import { titleOf } from '../sentences'
import { count, isEmpty, isRecord, list, record, text } from '../wire/json'
import type { JsonObject } from '../wire/json'
import { say } from '../words'
import { Compliance } from './Compliance'
import { CostAndTime } from './CostAndTime'
import { FindingsTable } from './FindingsTable'
import { FixFirst } from './FixFirst'
import { NotChecked } from './NotChecked'
import { Positions } from './Positions'
import { Risks } from './Risks'
import { Section } from './Section'
import { Value } from './Value'
import { Verdict } from './Verdict'

/** The report: what the checks found at once, then what the queries add. Absent sections stay absent. */
export function Report({ run }: { run: RunView }) {
  const ended = isTerminal(run)
  const body = content(run.final)
  if (run.status === 'failed') return <ChecksOnly run={run} />
  const missing = gaps(run)
  const warned = warnings(run)
  const confidence = count(body.confidence)
  const assumed = list(body.assumptions)
  return (
    <article class="report" data-testid="report" aria-labelledby="report-title" aria-busy={!ended}>
      <div class="report-head">
        <h2 id="report-title">{say('report.title')}</h2>
        {ended && (
          <a href={resultPath(run.id)} target="_blank" rel="noopener">
            {say('report.json')}
          </a>
        )}
      </div>
      <Verdict run={run} body={body} />
      {missing.length > 0 && <NotChecked run={run} gaps={missing} />}
      {warned.length > 0 && (
        <Section title={say('report.warnings')} testid="warnings">
          <ul class="warnings">
            {warned.map((warning) => (
              <li key={warning.message}>
                {warning.message}
                {(warning.source ?? warning.query) && <span class="muted"> ({titleOf(run, warning.source ?? warning.query ?? '')})</span>}
              </li>
            ))}
          </ul>
        </Section>
      )}
      {run.checks && <FixFirst run={run} />}
      {run.checks && run.checks.findings.length > 0 && <FindingsTable run={run} />}
      <Compliance run={run} body={body} />
      <Risks run={run} body={body} />
      <Positions run={run} />
      <Technical run={run} body={body} />
      <Conflicts body={body} />
      {assumed.length > 0 && (
        <Section title={say('report.assumptions')}>
          <ul>
            {assumed.map((entry, index) => (
              <li key={index}>{isRecord(entry) ? text(entry.text ?? entry.assumption ?? entry.message ?? entry) : text(entry)}</li>
            ))}
          </ul>
        </Section>
      )}
      {Object.keys(further(body)).length > 0 && (
        <Section title={say('report.further')}>
          <Value value={further(body)} />
        </Section>
      )}
      {ended && <CostAndTime run={run} />}
      {ended && (
        <footer class="muted">
          {confidence !== undefined && <p>{say('report.confidence', { n: number(confidence * 100, 0) })}</p>}
          <p>{text(body.disclaimer) || say('report.disclaimer')}</p>
        </footer>
      )}
    </article>
  )
}

/** After a total failure: what the checks found still stands, and nothing pretends to be a report. */
function ChecksOnly({ run }: { run: RunView }) {
  if (run.checks === undefined || run.checks.findings.length === 0) return null
  return (
    <article class="report" data-testid="checks-only" aria-labelledby="checks-title">
      <div class="report-head">
        <h2 id="checks-title">{say('report.checks_only')}</h2>
      </div>
      <FixFirst run={run} />
      <FindingsTable run={run} />
      <Positions run={run} />
    </article>
  )
}

function Technical({ run, body }: { run: RunView; body: JsonObject }) {
  if (!answered(run, COMPREHENSIVE)) return null
  return (
    <div class="columns">
      {TECHNICAL.filter((key) => !isEmpty(body[key])).map((key) => (
        <Section key={key} title={label(key)} run={run} query={COMPREHENSIVE}>
          <Value value={body[key]} />
        </Section>
      ))}
    </div>
  )
}

function Conflicts({ body }: { body: JsonObject }) {
  const conflicts = list(body.conflicts).filter(isRecord)
  if (conflicts.length === 0) return null
  return (
    <Section title={say('report.conflicts')} testid="conflicts">
      <ul>
        {conflicts.map((conflict, index) => (
          <li key={index}>
            <b>{label(text(conflict.field))}</b>{' '}
            {list(conflict.claims)
              .map(record)
              .map((claim) => say('report.conflict_claim', { source: text(claim.source), value: text(claim.value) }))
              .join('; ')}
            {!isEmpty(conflict.resolution) && <span class="muted"> {text(conflict.resolution)}</span>}
          </li>
        ))}
      </ul>
    </Section>
  )
}
