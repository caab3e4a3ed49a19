/** The one line under the header, and the two live regions for screen readers. */

import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'

export interface Notice {
  readonly tone: 'plain' | 'warn'
  readonly text: string
  readonly action?: { readonly label: string; readonly run: () => void }
}

/** What the notice band shows; its place is reserved, so nothing moves. */
export const notice = signal<Notice | undefined>(undefined)

const PAUSE_MS = 3000

/** What the polite region says; at most one message in three seconds, the latest wins. */
export const polite = signal('')
/** What the assertive region says. */
export const assertive = signal('')

/** Has `text` said when it appears or changes: politely, or at once where something went wrong. */
export function useSaid(text: string | undefined, tone: 'polite' | 'alarm' = 'polite'): void {
  useEffect(() => {
    if (!text) return
    if (tone === 'alarm') assertive.value = text
    else announce(text)
  }, [text])
}

let last = 0
let pending: ReturnType<typeof setTimeout> | undefined

/** Says `text` when the reader's software has a moment. */
export function announce(text: string): void {
  clearTimeout(pending)
  const wait = Math.max(0, last + PAUSE_MS - Date.now())
  pending = setTimeout(() => {
    last = Date.now()
    polite.value = text
  }, wait)
}
