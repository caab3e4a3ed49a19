import { findings, nameOf } from '../report'
import type { RunView } from '../run'
import type { Finding } from '../wire/event'
import { text } from '../wire/json'
import { say } from '../words'
import { Rows } from './FixFirst'
import { useShown } from './PlaceLink'
import { Section } from './Section'
import { Severity } from './Severity'
import { Sheet } from './Sheet'
import type { Column } from './Sheet'

const COLUMNS: readonly Column<Finding>[] = [
  { title: say('col.severity'), text: (finding) => finding.severity, show: (finding) => <Severity value={finding.severity} /> },
  { title: say('col.rule'), text: (finding) => finding.rule, show: (finding) => <code>{finding.rule}</code> },
  { title: say('col.rows'), text: (finding) => (finding.rows ?? []).map((row) => row + 1).join(', '), show: (finding) => <Rows rows={finding.rows ?? []} /> },
  { title: say('col.what'), text: (finding) => finding.message, show: What },
  { title: say('col.found'), class: 'right words', text: (finding) => text(finding.found) },
  { title: say('col.expected'), class: 'right words', text: (finding) => text(finding.expected) },
]

/** Every result of the checks, passes included, with how it was computed and where the rule is from. */
export function FindingsTable({ run }: { run: RunView }) {
  const all = findings(run)
  const idOf = (name: string) => {
    const at = all.findIndex((finding) => nameOf(finding) === name)
    return at === -1 ? undefined : `finding-${at}`
  }
  const chosen = useShown('finding', idOf)
  const mark = (finding: Finding, index: number) => ({ id: `finding-${index}`, chosen: nameOf(finding) === chosen })
  return (
    <Section title={say('report.findings')} testid="findings">
      <Sheet title={say('report.findings')} columns={COLUMNS} rows={all} mark={mark} />
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
