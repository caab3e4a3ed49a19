import { useSignal } from '@preact/signals'
import type { ComponentType } from 'preact'
import { useEffect } from 'preact/hooks'

/** A part of the page that is fetched when it is first shown; until then its place is empty. */
export function later<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let Found: ComponentType<P> | undefined
  return function Later(props: P) {
    const here = useSignal(Found !== undefined)
    useEffect(() => {
      if (Found !== undefined) return
      const found = (part: ComponentType<P>) => {
        Found = part
        here.value = true
      }
      // Not there while the server is gone; the next time it is shown it is asked for again.
      load().then(found, () => undefined)
    }, [])
    return here.value && Found !== undefined ? <Found {...props} /> : null
  }
}
