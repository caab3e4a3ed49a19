import { COMPLIANCE, answered } from '../report'
import type { RunView } from '../run'
import { isRecord, list, record, text } from '../wire/json'
import type { JsonObject } from '../wire/json'
import { named, say } from '../words'
import { Mark } from './Mark'
import type { Shape } from './Mark'
import { Quotes } from './Quotes'
import { Section } from './Section'
import { Sheet } from './Sheet'
import type { Column } from './Sheet'

const SHAPES: ReadonlyMap<string, Shape> = new Map<string, Shape>([
  ['FAIL', 'cross'],
  ['UNKNOWN', 'query'],
  ['PASS', 'tick'],
  ['NOT_APPLICABLE', 'dash'],
  ['NOT_CHECKED', 'hollow'],
])

/** The words of the five states that other answers use. */
const ALIASES: ReadonlyMap<string, string> = new Map([
  ['OK', 'PASS'], ['PASSED', 'PASS'], ['MET', 'PASS'], ['FAILED', 'FAIL'], ['NOT_MET', 'FAIL'],
  ['N/A', 'NOT_APPLICABLE'], ['NA', 'NOT_APPLICABLE'], ['CANNOT_TELL', 'UNKNOWN'], ['UNCLEAR', 'UNKNOWN'], ['NOT_ASSESSED', 'NOT_CHECKED'],
])

interface Check {
  readonly category: string
  readonly item: JsonObject
}

const CHECKS: readonly Column<Check>[] = [
  { title: say('col.status'), text: ({ item }) => [statusWord(item), claimOf(item) && say('check.claimed', { word: claimOf(item) })].filter(Boolean).join(', '), show: ({ item }) => <CheckStatus item={item} /> },
  { title: say('col.category'), text: ({ category }) => category },
  { title: say('col.check'), text: ({ item }) => text(item.check) },
  { title: say('col.expected'), text: ({ item }) => text(item.required) },
  { title: say('col.found'), text: ({ item }) => text(item.found) },
]

const STANDARDS: readonly Column<JsonObject>[] = [
  { title: say('col.standard'), text: (one) => [text(one.standard), text(one.year)].filter(Boolean).join(':') },
  { title: say('col.title'), text: (one) => text(one.title) },
  { title: say('col.status'), text: (one) => text(one.status) },
  { title: say('col.issues'), text: (one) => text(one.issues) },
]

/** The compliance status, its checks one by one, and the standards looked at. */
export function Compliance({ run, body }: { run: RunView; body: JsonObject }) {
  if (!answered(run, COMPLIANCE)) return null
  const status = record(body.compliance_status)
  const overall = text(status.overall)
  const checks = list(body.compliance_checks)
    .map(record)
    .flatMap((group) => list(group.items).map((item): Check => ({ category: text(group.category), item: record(item) })))
  const standards = list(body.standards_checked).filter(isRecord)
  return (
    <>
      <Section title={say('report.compliance')} run={run} query={COMPLIANCE} testid="compliance">
        {overall !== '' && (
          <p>
            <b>{named('compliance', overall, overall)}</b> {text(status.summary)}
          </p>
        )}
        {checks.length === 0 ? (
          <p class="muted">{say('report.no_checks')}</p>
        ) : (
          <>
            <p class="tallies">{tally(checks)}</p>
            <Sheet title={say('report.compliance')} columns={CHECKS} rows={checks} told testid="compliance-table" />
          </>
        )}
        <Quotes body={body} sections={['compliance_status', 'compliance_checks']} />
      </Section>
      {standards.length > 0 && (
        <Section title={say('report.standards')} run={run} query={COMPLIANCE}>
          <Sheet title={say('report.standards')} columns={STANDARDS} rows={standards} told />
          <Quotes body={body} sections={['standards_checked']} />
        </Section>
      )}
    </>
  )
}

function stateOf(item: JsonObject): string {
  const word = text(item.status).trim().toUpperCase().replaceAll(/[\s-]+/g, '_')
  return ALIASES.get(word) ?? word
}

function statusWord(item: JsonObject): string {
  return named('check', stateOf(item), text(item.status) || say('check.UNKNOWN'))
}

/** What the model said of a check that shows as something else. */
function claimOf(item: JsonObject): string {
  const claimed = { status: item.claimed_status }
  return text(item.claimed_status) === '' || stateOf(claimed) === stateOf(item) ? '' : statusWord(claimed)
}

/** "6 met, 2 not met": worst first. */
function tally(checks: readonly Check[]): string {
  return [...SHAPES.keys()]
    .map((state) => ({ n: checks.filter(({ item }) => stateOf(item) === state).length, word: named('check', state, state) }))
    .filter(({ n }) => n > 0)
    .map(({ n, word }) => say('report.tally', { n, word }))
    .join(', ')
}

function CheckStatus({ item }: { item: JsonObject }) {
  const state = stateOf(item)
  const claim = claimOf(item)
  return (
    <span class="check" data-status={state}>
      <Mark shape={SHAPES.get(state) ?? 'query'} /> {statusWord(item)}
      {claim !== '' && <span class="aside">{say('check.claimed', { word: claim })}</span>}
    </span>
  )
}
