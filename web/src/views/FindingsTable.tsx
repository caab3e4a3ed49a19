import { useMemo } from 'preact/hooks'
import { decidedOf } from '../decisions'
import type { Decisions } from '../decisions'
import { nameOf } from '../report'
import { findings } from '../result'
import type { RunView } from '../run'
import { rank } from '../severity'
import type { Finding } from '../wire/event'
import { text } from '../wire/json'
import { say } from '../words'
import { Decide, decisionText } from './Decide'
import { Rows } from './FixFirst'
import { useShown } from './PlaceLink'
import { Section } from './Section'
import { Severity } from './Severity'
import { Sheet } from './Sheet'
import type { Column } from './Sheet'

const COLUMNS: readonly Column<Finding>[] = [
  { title: say('col.severity'), text: (finding) => finding.severity, show: (finding) => <Severity value={finding.severity} /> },
  { title: say('col.rule'), text: (finding) => finding.rule, show: (finding) => <code>{finding.rule}</code> },
  { title: say('col.rows'), text: (finding) => (finding.rows ?? []).map((row) => row + 1).join(', '), show: (finding) => <Rows bare rows={finding.rows ?? []} /> },
  { title: say('col.what'), text: (finding) => finding.message, show: What },
  { title: say('col.found'), class: 'right words', text: (finding) => text(finding.found) },
  { title: say('col.expected'), class: 'right words', text: (finding) => text(finding.expected) },
]

/** What was found, and what is to become of it. */
function columnsOf(decisions: Decisions): readonly Column<Finding>[] {
  const decided = (finding: Finding) => decidedOf(decisions.all.value, finding.id).decision
  const show = (finding: Finding) => rank(finding.severity) > 0 && <Decide finding={finding} decisions={decisions} />
  return [...COLUMNS, { title: say('col.decision'), class: 'decision', text: (finding) => decisionText(decided(finding)), show }]
}

/** Every result of the checks, passes included, with how it was computed and where the rule is from. */
export function FindingsTable({ run, decisions }: { run: RunView; decisions: Decisions }) {
  const all = findings(run)
  const columns = useMemo(() => columnsOf(decisions), [decisions])
  const open = all.filter((finding) => rank(finding.severity) > 0)
  const done = open.filter((finding) => decidedOf(decisions.all.value, finding.id).decision !== undefined).length
  const idOf = (name: string) => {
    const at = all.findIndex((finding) => nameOf(finding) === name)
    return at === -1 ? undefined : `finding-${at}`
  }
  const chosen = useShown('finding', idOf)
  const mark = (finding: Finding, index: number) => ({ id: `finding-${index}`, chosen: nameOf(finding) === chosen })
  return (
    <Section title={say('report.findings')} testid="findings">
      {done > 0 && <p class="muted">{say('decision.count', { done, n: open.length })}</p>}
      <Sheet title={say('report.findings')} columns={columns} rows={all} mark={mark} />
    </Section>
  )
}

function What(finding: Finding) {
  return (
    <>
      {finding.message}
      {finding.formula && <span class="aside">{say('finding.formula', { text: finding.formula })}</span>}
      {finding.source && <span class="aside">{finding.source}</span>}
      {finding.doubt && <span class="aside">{say('finding.doubt', { text: finding.doubt })}</span>}
    </>
  )
}
