import { signal } from '@preact/signals'
import type { FunctionComponent } from 'preact'
import { assertive } from '../notice'
import { look } from '../standing'
import { say } from '../words'

/**
 * A part of the page that is loaded when it is first shown. After an update of the
 * server its file may be gone: then the page says so, and the notice offers the reload.
 */
export function later<P extends object>(load: () => Promise<FunctionComponent<P>>): FunctionComponent<P> {
  const loaded = signal<{ readonly part?: FunctionComponent<P>; readonly failed?: boolean } | undefined>(undefined)
  const begin = (): void => {
    loaded.value = {}
    load().then(
      (part) => (loaded.value = { part }),
      () => {
        loaded.value = { failed: true }
        assertive.value = say('page.missing_part')
        void look()
      },
    )
  }
  return (props) => {
    if (loaded.peek() === undefined) begin()
    const Part = loaded.value?.part
    if (Part !== undefined) return <Part {...props} />
    if (!loaded.value?.failed) return <p class="muted">{say('page.loading')}</p>
    return (
      <div class="prose" data-testid="missing-part">
        <p>{say('page.missing_part')}</p>
        <p class="line">
          <button type="button" onClick={() => location.reload()}>
            {say('page.reload')}
          </button>{' '}
          <button type="button" class="quiet" onClick={begin}>
            {say('page.try')}
          </button>
        </p>
      </div>
    )
  }
}
