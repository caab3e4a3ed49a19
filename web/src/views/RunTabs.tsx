import { at } from '../base'
import { parameter } from '../route'
import { say } from '../words'

/** The two sides of a run: what it found, and what came over the wire. */
export function RunTabs({ id }: { id: string }) {
  const events = parameter('tab') === 'events'
  return (
    <nav class="run-tabs" aria-label={say('events.tabs')}>
      <a href={at(`/runs/${id}`)} aria-current={events ? undefined : 'page'}>
        {say('events.report')}
      </a>
      <a href={at(`/runs/${id}?tab=events`)} aria-current={events ? 'page' : undefined} data-testid="events-tab">
        {say('events.title')}
      </a>
    </nav>
  )
}
