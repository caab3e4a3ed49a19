import { useState } from 'preact/hooks'
import { warnings } from '../report'
import { isTerminal } from '../run'
import type { RunView } from '../run'
import { titleOf } from '../sentences'
import { say } from '../words'

/**
 * All warnings in one block above the content.
 *
 * Open in a report that is opened; counted in a line whose place was kept when
 * they come while somebody reads, so that nothing moves below.
 */
export function Warnings({ run }: { run: RunView }) {
  const [open] = useState(isTerminal(run))
  const all = warnings(run)
  if (all.length === 0) return <p class="warnings muted">{say(isTerminal(run) ? 'report.no_warnings' : 'report.no_warnings_yet')}</p>
  return (
    <details class="warnings" data-testid="warnings" open={open}>
      <summary>{say('report.warnings', { n: all.length })}</summary>
      <ul>
        {all.map((warning) => (
          <li key={warning.message}>
            {warning.message}
            {(warning.source ?? warning.query) && <span class="muted"> ({titleOf(run, warning.source ?? warning.query ?? '')})</span>}
          </li>
        ))}
      </ul>
    </details>
  )
}
