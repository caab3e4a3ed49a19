/** Places within a report that an address can name: `?row=17`, `?risk=R-02`, `?finding=F-01`. */

import { signal } from '@preact/signals'

export type Kind = 'row' | 'risk' | 'finding'

/** The place that the address names; `at` counts the wishes, so that the same one can be wished again. */
export interface Place {
  readonly kind: Kind
  readonly name: string
  readonly at: number
}

const KINDS: readonly Kind[] = ['row', 'risk', 'finding']

function read(): Place | undefined {
  const named = new URLSearchParams(location.search)
  const kind = KINDS.find((one) => named.has(one))
  return kind && { kind, name: named.get(kind) ?? '', at: 0 }
}

/** The place to show. */
export const place = signal<Place | undefined>(read())
window.addEventListener('popstate', () => (place.value = read()))

/** The address of a place on the page that is shown. */
export function placeAddress(kind: Kind, name: string): string {
  const named = new URLSearchParams(location.search)
  for (const one of KINDS) named.delete(one)
  named.set(kind, name)
  return `${location.pathname}?${named}`
}

/** Shows the place and keeps it in the address, without an entry in the history. */
export function show(kind: Kind, name: string): void {
  history.replaceState(history.state, '', placeAddress(kind, name))
  place.value = { kind, name, at: (place.value?.at ?? 0) + 1 }
}
