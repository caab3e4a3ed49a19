/** How the server stands, for the navigation: runs under way, providers that are ready, and its build. */

import { signal } from '@preact/signals'
import { getHealth } from './api'
import { BUILD } from './base'
import type { Notice } from './notice'
import { say } from './words'
import type { Health } from './wire/problem'

const EVERY_MS = 10_000

/** What the server said last. */
export const standing = signal<Health | undefined>(undefined)
/** Set when the server has another build of this page than the one that is open. */
export const updated = signal<Notice | undefined>(undefined)

/** Asks the server now. */
export async function look(): Promise<void> {
  const answer = await getHealth()
  if (!answer.ok) return
  standing.value = answer.value
  // A page that a reload brings anyway is not forced on anybody.
  if (BUILD === '' || answer.value.page === '' || answer.value.page === BUILD) return
  updated.value ??= {
    tone: 'plain',
    text: say('page.updated', { version: answer.value.version }),
    action: { label: say('page.reload_ready'), run: () => location.reload() },
  }
}

/** Asks now, and every ten seconds while somebody looks at the page. */
export function keepLooking(): void {
  const whenSeen = (): void => {
    if (!document.hidden) void look()
  }
  whenSeen()
  setInterval(whenSeen, EVERY_MS)
  document.addEventListener('visibilitychange', whenSeen)
}
