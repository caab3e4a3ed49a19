/** Which page is shown; links inside the page change it without a reload. */

import { signal } from '@preact/signals'

export type Route =
  | { readonly page: 'form' }
  | { readonly page: 'run'; readonly id: string }
  | { readonly page: 'help' }
  | { readonly page: 'unknown' }

/** The page at `path`. */
export function parseRoute(path: string): Route {
  if (path === '/') return { page: 'form' }
  if (path === '/help') return { page: 'help' }
  const run = /^\/runs\/([A-Za-z0-9_-]{1,64})$/.exec(path)
  return run?.[1] === undefined ? { page: 'unknown' } : { page: 'run', id: run[1] }
}

/** The page that is shown. */
export const route = signal<Route>(parseRoute(location.pathname))

/** Whether the reader came here by a link or button of the page, so that focus follows. */
export const arrived = signal(false)

/** Shows `path` as a new entry of the history. */
export function go(path: string): void {
  history.pushState(null, '', path)
  arrived.value = true
  route.value = parseRoute(path)
  window.scrollTo(0, 0)
}

/** Follows the history and the links of the page; other links stay the browser's. */
export function listen(): void {
  window.addEventListener('popstate', () => {
    arrived.value = true
    route.value = parseRoute(location.pathname)
  })
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return
    const link = event.target instanceof Element ? event.target.closest('a') : null
    if (link === null || link.target !== '' || link.hasAttribute('download') || link.origin !== location.origin) return
    if (link.hash !== '' || parseRoute(link.pathname).page === 'unknown') return
    event.preventDefault()
    go(link.pathname)
  })
}
