import type { ComponentChildren } from 'preact'
import { label } from '../format'
import { gaps, grounds } from '../report'
import type { Ground } from '../report'
import { isTerminal } from '../run'
import type { RunView } from '../run'
import { say } from '../words'
import { Mark } from './Mark'
import type { Shape } from './Mark'
import { answerer } from './Section'

interface Props {
  readonly run: RunView
  readonly retry?: (query: string) => ComponentChildren
}

const SHAPES: Readonly<Record<Ground['state'], Shape>> = { awaited: 'hollow', answered: 'tick', open: 'cross' }

/**
 * What no statement is made about, at the top of the report: a gap is not a finding.
 *
 * While the run goes on the same lines say what is awaited, so that nothing below moves when a gap is named.
 */
export function NotChecked({ run, retry }: Props) {
  const lines = grounds(run)
  const open = gaps(run).length > 0 || lines.some((line) => line.unsent > 0)
  const unnamed = gaps(run).filter((gap) => !lines.some((line) => line.query.id === gap.query))
  const title = open ? 'report.not_checked' : isTerminal(run) ? 'report.grounds' : 'report.awaited'
  const intro = open ? 'report.not_checked_text' : isTerminal(run) ? 'report.grounds_text' : 'report.awaited_text'
  if (lines.length === 0 && !open) return null
  return (
    <section class={open ? 'grounds not-checked' : 'grounds'} data-testid={open ? 'not-checked' : 'grounds'} aria-labelledby="not-checked-title">
      <h3 id="not-checked-title">{say(title)}</h3>
      <p class="muted">{say(intro)}</p>
      <ul>
        {lines.map((line) => (
          <li key={line.query.id} data-state={line.missing.length > 0 || line.unsent > 0 ? 'open' : line.state}>
            <b>
              <Mark shape={line.state === 'answered' && line.missing.length > 0 ? 'alert' : SHAPES[line.state]} /> {line.query.title}
            </b>
            <span>{said(line)}</span>
            <span class="again">{line.state === 'open' && retry?.(line.query.id)}</span>
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

/** What a query has given, and what it has not. */
function said({ query, state, missing, unsent, sent }: Ground): string {
  const parts: string[] = []
  if (state === 'awaited') parts.push(say('ground.awaited'))
  if (state === 'answered') parts.push(say('ground.answered', { who: answerer(query.provider, query.model) }))
  for (const { reason, sections } of missing) {
    const names = sections.map(label).join(', ')
    parts.push(names === '' ? reason : say('ground.missing', { reason: reason.replace(/\.$/, ''), sections: names }))
  }
  if (unsent > 0) parts.push(say('ground.unsent', { n: unsent, total: unsent + (sent ?? 0) }))
  else if (state !== 'open' && sent !== undefined && sent > 0) parts.push(say('ground.sent', { n: sent }))
  return parts.join(' ')
}
