import { label } from '../format'
import type { Gap } from '../report'
import type { RunView } from '../run'
import { titleOf } from '../sentences'
import { say } from '../words'

/** What no statement is made about, at the top of the report: a gap is not a finding. */
export function NotChecked({ run, gaps }: { run: RunView; gaps: readonly Gap[] }) {
  const groups = new Map<string, Gap[]>()
  for (const gap of gaps) {
    const key = `${gap.query}\n${gap.reason}`
    groups.set(key, [...(groups.get(key) ?? []), gap])
  }
  return (
    <section class="not-checked" data-testid="not-checked" aria-labelledby="not-checked-title">
      <h3 id="not-checked-title">{say('report.not_checked')}</h3>
      <p class="muted">{say('report.not_checked_text')}</p>
      <ul>
        {[...groups.values()].map((group) => (
          <li key={group.map((gap) => gap.section).join()}>
            <b>{group.map((gap) => label(gap.section)).join(', ')}</b>
            {group[0]?.reason && <>: {group[0].reason}</>}
            {group[0]?.query && <span class="muted"> ({titleOf(run, group[0].query)})</span>}
          </li>
        ))}
      </ul>
    </section>
  )
}
