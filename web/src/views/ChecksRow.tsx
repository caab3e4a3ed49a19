import { duration } from '../format'
import { findings } from '../result'
import type { RunView } from '../run'
import { rank } from '../severity'
import { say } from '../words'
import { Mark } from './Mark'
import { Track } from './Track'

/** The checks without AI: no query, but a line of the same table. */
export function ChecksRow({ run, span }: { run: RunView; span: number }) {
  const { checks } = run
  if (checks === undefined) return null
  const time = duration(checks.timeMs)
  const n = findings(run).filter((finding) => rank(finding.severity) >= 1).length
  const at = (checks.atMs ?? checks.timeMs) / span
  return (
    <tr data-testid="checks-row" class="checks">
      <th scope="row">
        <span class="row-title">{say('time.checks')}</span>
        <span class="who muted">{say('time.checks_who')}</span>
      </th>
      <td class="state">
        <span class="doing" data-phase="done">
          {n === 0 ? say('time.checks_clear', { time }) : say('time.checks_done', { time, n })}
        </span>
      </td>
      <td class="bar" aria-hidden="true">
        <Track span={span}>
          <span class="segment" data-phase="streaming" style={{ '--at': 0, '--long': at * 100 }} />
          <span class="cap" data-phase="done" style={{ '--at': at * 100 }}>
            <Mark shape="tick" />
          </span>
        </Track>
      </td>
      <td />
    </tr>
  )
}
