import { at } from '../base'
import { changed, parameter, search } from '../route'
import { say } from '../words'

/** The two sides of a run: what it found, and what came over the wire. */
export function RunTabs({ id }: { id: string }) {
  const events = parameter('tab') === 'events'
  const address = (tab: string) => at(`/runs/${id}`) + changed(search.value, { tab })
  return (
    <nav class="run-tabs" aria-label={say('events.tabs')}>
      <a href={address('')} aria-current={events ? undefined : 'page'}>
        {say('events.report')}
      </a>
      <a href={address('events')} aria-current={events ? 'page' : undefined} data-testid="events-tab">
        {say('events.title')}
      </a>
    </nav>
  )
}
