import { useMemo } from 'preact/hooks'
import { openDecisions } from '../decisions'
import type { Decisions } from '../decisions'
import { label, number } from '../format'
import { TECHNICAL, further, isAudit, odd } from '../report'
import { content } from '../result'
import { isTerminal } from '../run'
import type { RunView } from '../run'
import { count, isEmpty, isRecord, list, text } from '../wire/json'
import type { JsonObject } from '../wire/json'
import { learn, say } from '../words'
import { out } from '../words/out'
import { Answers } from './Answers'
import { AsItCame } from './AsItCame'
import { Compliance } from './Compliance'
import { Conflicts } from './Conflicts'
import { CostAndTime } from './CostAndTime'
import { ExportMenu } from './ExportMenu'
import { FindingsTable } from './FindingsTable'
import { FixFirst } from './FixFirst'
import { Guard } from './Guard'
import { NotChecked } from './NotChecked'
import { Positions } from './Positions'
import { PrintFoot, PrintHead } from './PrintHead'
import { QuoteCount, Quotes } from './Quotes'
import { Risks } from './Risks'
import { Section } from './Section'
import { Value } from './Value'
import { Verdict } from './Verdict'
import { Warnings } from './Warnings'

learn(out)

export interface Props {
  readonly run: RunView
}

/**
 * The report: what the checks found at once, then what the queries add.
 *
 * What comes late has its place from the start, so that nothing moves that is being read.
 */
export function ReportBody({ run }: Props) {
  // A run changes with every piece of text; its report only when a query ends.
  const phases = run.queries.map((query) => query.phase).join()
  const decisions = useMemo(() => openDecisions(run.id, run.decisions), [run.id])
  return useMemo(() => <Laid run={run} decisions={decisions} />, [decisions, run.status, run.checks, run.final, run.warnings, phases])
}

/** What the parts of a report need. */
interface Parts extends Props {
  readonly decisions: Decisions
}

function Laid({ run, decisions }: Parts) {
  const ended = isTerminal(run)
  const body = content(run.final)
  if (run.status === 'failed') return <ChecksOnly run={run} decisions={decisions} />
  return (
    <article class="report" data-testid="report" aria-labelledby="report-title" aria-busy={!ended}>
      <PrintHead run={run} body={body} />
      <div class="report-head">
        <h2 id="report-title">{say('report.title')}</h2>
        {ended && (
          <span class="report-actions">
            <button type="button" class="quiet" data-testid="print" onClick={() => window.print()}>
              {say('report.print')}
            </button>
            <ExportMenu id={run.id} />
          </span>
        )}
      </div>
      <Verdict run={run} body={body} />
      <NotChecked run={run} />
      <Warnings run={run} />
      <Mode run={run} />
      {isAudit(run) ? <Audit run={run} body={body} decisions={decisions} /> : <Answers run={run} body={body} />}
      {ended && <CostAndTime run={run} />}
      {ended && <Foot body={body} />}
      <PrintFoot />
    </article>
  )
}

/** In which mode the panel was asked, and why. */
function Mode({ run: { validation } }: { run: RunView }) {
  if (validation === undefined) return null
  const { title, chosen_by: by, reasons } = validation
  const why = reasons.length > 0 ? reasons : by === 'caller' ? [say('report.mode_caller')] : []
  return (
    <p class="muted" data-testid="mode">
      {[say('report.mode', { mode: title }), ...why].join(' ')}
    </p>
  )
}

function Audit({ run, body, decisions }: { run: RunView; body: JsonObject; decisions: Decisions }) {
  // Both queries may assume the same.
  const assumed = [...new Set(list(body.assumptions).map((entry) => (isRecord(entry) ? text(entry.text ?? entry.assumption ?? entry.message ?? entry) : text(entry))))]
  const rest = further(body)
  return (
    <>
      {run.checks && <FixFirst run={run} />}
      {run.checks && run.checks.findings.length > 0 && <FindingsTable run={run} decisions={decisions} />}
      <Compliance run={run} body={body} />
      <Risks run={run} body={body} />
      <Positions run={run} decisions={decisions} />
      <div class="columns">
        {TECHNICAL.filter((key) => !isEmpty(body[key]) && !isFailed(body, key)).map((key) => (
          <Section key={key} title={label(key)} run={run} body={body} name={key}>
            <Value value={body[key]} />
            <Quotes body={body} sections={[key]} />
          </Section>
        ))}
      </div>
      <Conflicts body={body} />
      <QuoteCount body={body} />
      {assumed.length > 0 && (
        <Section title={say('report.assumptions')}>
          <ul>
            {assumed.map((one) => (
              <li key={one}>{one}</li>
            ))}
          </ul>
        </Section>
      )}
      {Object.entries(odd(body)).map(([key, value]) => (
        <Section key={key} title={label(key)} run={run} body={body} name={key}>
          <AsItCame value={value} />
        </Section>
      ))}
      {Object.keys(rest).length > 0 && (
        <Section title={say('report.further')}>
          <Guard value={rest}>
            <Value value={rest} />
          </Guard>
        </Section>
      )}
    </>
  )
}

/** The summary of a reading that failed says nothing but that; it stands under "not checked". */
function isFailed(body: JsonObject, key: string): boolean {
  const section = body[key]
  return isRecord(section) && Object.keys(section).length === 1 && section.error !== undefined
}

function Foot({ body }: { body: JsonObject }) {
  const confidence = count(body.confidence)
  return (
    <footer class="muted">
      {confidence !== undefined && <p>{say('report.confidence', { n: number(confidence * 100, 0) })}</p>}
      <p>{text(body.disclaimer) || say('report.disclaimer')}</p>
    </footer>
  )
}

/** After a total failure: what the checks found still stands, and nothing pretends to be a report. */
function ChecksOnly({ run, decisions }: { run: RunView; decisions: Decisions }) {
  if (run.checks === undefined || run.checks.findings.length === 0) return null
  return (
    <article class="report" data-testid="checks-only" aria-labelledby="checks-title">
      <PrintHead run={run} body={{}} />
      <div class="report-head">
        <h2 id="checks-title">{say('report.checks_only')}</h2>
        <span class="report-actions">
          <ExportMenu id={run.id} />
        </span>
      </div>
      <FixFirst run={run} />
      <FindingsTable run={run} decisions={decisions} />
      <Positions run={run} decisions={decisions} />
      <PrintFoot />
    </article>
  )
}
