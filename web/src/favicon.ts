/** The icon in the browser's tab: a tick or a cross when the run that is shown has ended. */

import { at } from './base'
import type { RunStatus } from './wire/event'

// The bundler knows them from the top; the page may lie below a path.
const ours = (address: URL): string => location.origin + at(address.pathname)
const DONE = ours(new URL('./icon-done.svg', import.meta.url))
const FAILED = ours(new URL('./icon-failed.svg', import.meta.url))
const ICON: Partial<Record<RunStatus, string>> = { completed: DONE, partial: DONE, failed: FAILED, cancelled: FAILED }

let usual: string | undefined

/** Shows the icon for a run of this status, or the usual one. */
export function showIcon(status: RunStatus | undefined): void {
  const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]')
  if (link === null) return
  usual ??= link.href
  const wanted = (status && ICON[status]) ?? usual
  if (link.href !== wanted) link.href = wanted
}
