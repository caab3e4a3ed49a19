import { COMPLIANCE, fixFirst } from '../report'
import type { RunView } from '../run'
import { say } from '../words'
import { Section, answerer } from './Section'
import { Severity } from './Severity'

/** The digest: what to fix first, worst first, with its row and its source. */
export function FixFirst({ run }: { run: RunView }) {
  const fixes = fixFirst(run)
  const asked = run.queries.find((query) => query.id === COMPLIANCE)
  return (
    <Section title={say('report.fix_first')} testid="fix-first">
      {fixes.length === 0 ? (
        <p class="muted">{say('report.fix_none')}</p>
      ) : (
        <ol class="fixes">
          {fixes.map((fix, index) => (
            <li key={`${fix.key}-${index}`}>
              <Severity value={fix.severity} />
              <span class="fix-text">{fix.message}</span>
              <span class="fix-row number">{fix.rows.length > 0 && say('finding.row', { rows: fix.rows.map((row) => row + 1).join(', ') })}</span>
              <span class="muted fix-source">
                {fix.finding ? say('report.check') : say('report.risk', { who: answerer(asked?.provider, asked?.model) })} <code>{fix.key}</code>
              </span>
            </li>
          ))}
        </ol>
      )}
    </Section>
  )
}
