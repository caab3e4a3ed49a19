/** Places within a report that an address can name: `?row=17`, `?risk=R-02`, `?finding=F-01`. */

import { computed, signal } from '@preact/signals'
import { changed, search, setParameters } from './route'

export type Kind = 'row' | 'risk' | 'finding'

/** The place that the address names; `at` counts the wishes, so that the same one can be wished again. */
export interface Place {
  readonly kind: Kind
  readonly name: string
  readonly at: number
}

const KINDS: readonly Kind[] = ['row', 'risk', 'finding']
const NOWHERE = { row: '', risk: '', finding: '' }
const wishes = signal(0)

/** The place to show. */
export const place = computed<Place | undefined>(() => {
  const named = new URLSearchParams(search.value)
  const kind = KINDS.find((one) => named.has(one))
  return kind && { kind, name: named.get(kind) ?? '', at: wishes.value }
})

/** The address of a place on the page that is shown. */
export function placeAddress(kind: Kind, name: string): string {
  return location.pathname + changed(location.search, { ...NOWHERE, [kind]: name })
}

/** Shows the place and keeps it in the address, without an entry in the history. */
export function show(kind: Kind, name: string): void {
  setParameters({ ...NOWHERE, [kind]: name })
  wishes.value += 1
}
