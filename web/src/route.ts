/**
 * Which page is shown; links inside the page change it without a reload.
 *
 * Addresses here are those of the page, `/runs?status=failed`: what comes
 * before them when the server lies below a path is added and taken off here.
 */

import { batch, signal } from '@preact/signals'
import { at, within } from './base'

export type Route =
  | { readonly page: 'form' }
  | { readonly page: 'runs' }
  | { readonly page: 'compare' }
  | { readonly page: 'run'; readonly id: string }
  | { readonly page: 'providers' }
  | { readonly page: 'help' }
  | { readonly page: 'unknown' }

const PLAIN: Readonly<Record<string, Route>> = {
  '/': { page: 'form' },
  '/runs': { page: 'runs' },
  // No run has such an id.
  '/runs/compare': { page: 'compare' },
  '/providers': { page: 'providers' },
  '/help': { page: 'help' },
}

/** The page at `path`. */
export function parseRoute(path: string): Route {
  const plain = Object.hasOwn(PLAIN, path) ? PLAIN[path] : undefined
  if (plain !== undefined) return plain
  const run = /^\/runs\/([A-Za-z0-9_-]{1,64})$/.exec(path)
  return run?.[1] === undefined ? { page: 'unknown' } : { page: 'run', id: run[1] }
}

/** The page that is shown. */
export const route = signal<Route>(here())
/** What stands after `?`; read it with `parameter`, change it with `setParameters`. */
export const search = signal(location.search)
/** What stands after the path and the parameters, with its `#`. */
export const hash = signal(location.hash)
/** Whether the reader came here by a link or button of the page, so that focus follows. */
export const arrived = signal(false)

/** A parameter of the address; empty when it is absent. */
export function parameter(name: string): string {
  return new URLSearchParams(search.value).get(name) ?? ''
}

/** Shows `address`, which may have parameters and a hash, as a new entry of the history. */
export function go(address: string): void {
  const before = location.pathname
  history.pushState(null, '', at(address))
  follow()
  // Another part of the same page leaves the reader where he is.
  if (location.pathname !== before) window.scrollTo(0, 0)
}

/** The parameters with these changes; an empty one is taken away. */
export function changed(parameters: string, changes: Readonly<Record<string, string>>): string {
  const next = new URLSearchParams(parameters)
  for (const [name, value] of Object.entries(changes)) {
    if (value === '') next.delete(name)
    else next.set(name, value)
  }
  const text = next.toString()
  return text === '' ? '' : `?${text}`
}

/** Changes parameters of this address, in its own entry of the history. */
export function setParameters(changes: Readonly<Record<string, string>>): void {
  history.replaceState(null, '', location.pathname + changed(location.search, changes) + location.hash)
  search.value = location.search
}

/** Follows the history and the links of the page; other links stay the browser's. */
export function listen(): void {
  window.addEventListener('popstate', follow)
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return
    const link = event.target instanceof Element ? event.target.closest('a') : null
    if (link === null || link.target !== '' || link.hasAttribute('download') || link.origin !== location.origin) return
    const path = within(link.pathname)
    if (path === undefined || parseRoute(path).page === 'unknown') return
    // A place on the page that is shown.
    if (link.hash !== '' && link.pathname === location.pathname && link.search === location.search) return
    event.preventDefault()
    go(path + link.search + link.hash)
  })
}

function follow(): void {
  batch(() => {
    const next = here()
    if (JSON.stringify(next) !== JSON.stringify(route.value)) {
      arrived.value = true
      route.value = next
    }
    search.value = location.search
    hash.value = location.hash
  })
}

function here(): Route {
  const path = within(location.pathname)
  return path === undefined ? { page: 'unknown' } : parseRoute(path)
}
