import { useSignal } from '@preact/signals'
import { label } from '../format'
import { useSaid } from '../notice'
import { gaps, grounds } from '../report'
import type { Ground } from '../report'
import { retry } from '../retrying'
import { isTerminal } from '../run'
import type { RunView } from '../run'
import { stateOf, whyOpen } from '../sentences'
import { say } from '../words'
import { Mark } from './Mark'
import type { Shape } from './Mark'
import { answerer } from './Section'

const SHAPES: Readonly<Record<Ground['state'], Shape>> = { awaited: 'hollow', answered: 'tick', open: 'cross', unasked: 'dash' }

/**
 * What no statement is made about, at the top of the report: a gap is not a finding.
 *
 * While the run goes on the same lines say what is awaited, so that nothing below moves when a gap is named.
 */
export function NotChecked({ run }: { run: RunView }) {
  const lines = grounds(run)
  const open = gaps(run).length > 0 || lines.some((line) => line.unsent > 0)
  const unnamed = gaps(run).filter((gap) => !lines.some(({ query }) => query.id === gap.query || (query.of === gap.query && query.phase !== 'done')))
  const title = open ? 'report.not_checked' : isTerminal(run) ? 'report.grounds' : 'report.awaited'
  const intro = open ? 'report.not_checked_text' : isTerminal(run) ? 'report.grounds_text' : 'report.awaited_text'
  if (lines.length === 0 && !open) return null
  return (
    <section class={open ? 'grounds not-checked' : 'grounds'} data-testid={open ? 'not-checked' : 'grounds'} aria-labelledby="not-checked-title">
      <div class="grounds-head">
        <h3 id="not-checked-title">{say(title)}</h3>
        {isTerminal(run) && lines.some((line) => line.state === 'open') && <Again run={run} />}
      </div>
      <p class="muted">{say(intro)}</p>
      <ul>
        {lines.map((line) => (
          <li key={line.query.id} data-state={line.missing.length > 0 || line.unsent > 0 ? 'open' : line.state}>
            <b>
              <Mark shape={line.state === 'answered' && line.missing.length > 0 ? 'alert' : SHAPES[line.state]} /> {line.query.title}
            </b>
            <span>{said(line, run)}</span>
          </li>
        ))}
        {unnamed.map((gap) => (
          <li key={`${gap.section} ${gap.reason}`} data-state="open">
            <b>{label(gap.section)}</b>
            <span>{gap.reason}</span>
          </li>
        ))}
      </ul>
    </section>
  )
}

/** Asks what is missing again, in a run of its own. */
function Again({ run }: { run: RunView }) {
  const busy = useSignal(false)
  const why = useSignal('')
  useSaid(why.value, 'alarm')
  const again = async () => {
    busy.value = true
    why.value = await retry(run.id)
    busy.value = false
  }
  return (
    <>
      {why.value && <span class="fault">{why.value}</span>}
      <button type="button" data-testid="retry-missing" disabled={busy.value} title={say('run.retry_text')} onClick={() => void again()}>
        {say('run.retry')}
      </button>
    </>
  )
}

/** What a query has given, and what it has not. */
function said({ query, state, missing, unsent, sent }: Ground, run: RunView): string {
  const parts: string[] = []
  if (state === 'awaited') parts.push(say('ground.awaited'))
  // Its sections are named when the run has ended.
  if (state === 'open' && missing.length === 0) parts.push(whyOpen(query, run))
  if (state === 'unasked') parts.push(stateOf(query, run))
  if (state === 'answered') parts.push(say('ground.answered', { who: answerer(query.provider, query.model) }))
  for (const { reason, sections } of missing) {
    const names = sections.map(label).join(', ')
    parts.push(names === '' ? reason : say('ground.missing', { reason: reason.replace(/\.$/, ''), sections: names }))
  }
  if (unsent > 0) parts.push(say('ground.unsent', { n: unsent, total: unsent + (sent ?? 0) }))
  else if (state !== 'open' && query.of === query.id && sent !== undefined && sent > 0) parts.push(say('ground.sent', { n: sent }))
  return parts.join(' ')
}
