/** The icon in the browser's tab: a tick or a cross when the run that is shown has ended. */

import type { RunStatus } from './wire/event'

const DONE = new URL('./icon-done.svg', import.meta.url).href
const FAILED = new URL('./icon-failed.svg', import.meta.url).href
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
