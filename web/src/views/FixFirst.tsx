import { COMPLIANCE, askedAs, fixFirst, nameOf } from '../report'
import type { Fix } from '../report'
import type { RunView } from '../run'
import { say } from '../words'
import { PlaceLink } from './PlaceLink'
import { Section, answerer } from './Section'
import { Severity } from './Severity'

const MOST_ROWS = 5

/** The digest: what to fix first, worst first, with its row and its source. */
export function FixFirst({ run }: { run: RunView }) {
  const fixes = fixFirst(run)
  const asked = askedAs(run, COMPLIANCE)
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
              <span class="fix-row number">
                <Rows rows={fix.rows} />
              </span>
              <span class="muted fix-source">
                {fix.finding ? say('report.check') : say('report.risk', { who: answerer(asked?.provider, asked?.model) })} <Source fix={fix} />
              </span>
            </li>
          ))}
        </ol>
      )}
    </Section>
  )
}

function Source({ fix }: { fix: Fix }) {
  const link = fix.finding ? <PlaceLink kind="finding" name={nameOf(fix.finding)} text={fix.key} /> : <PlaceLink kind="risk" name={fix.key} text={fix.key} />
  return <code>{link}</code>
}

/** Links to the rows that something is about; `bare` under a heading that says so. */
export function Rows({ rows, bare = false }: { rows: readonly number[]; bare?: boolean }) {
  if (rows.length === 0) return null
  return (
    <>
      {rows.slice(0, MOST_ROWS).map((row, index) => (
        <span key={row}>
          {index > 0 && ', '}
          <PlaceLink kind="row" name={String(row + 1)} text={index === 0 && !bare ? say('finding.row', { rows: row + 1 }) : String(row + 1)} />
        </span>
      ))}
      {rows.length > MOST_ROWS && ` ${say('finding.more_rows', { n: rows.length - MOST_ROWS })}`}
    </>
  )
}
