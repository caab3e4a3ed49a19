/** Whether the server answers, and how its providers stand. */

import { signal } from '@preact/signals'
import type { ProviderState } from './asking'
import type { Health } from './wire/problem'

/** What the server last said of itself. */
export const health = signal<Health | undefined>(undefined)
/** The providers, where questions go to any. */
export const providers = signal<readonly ProviderState[]>([])
/** Since when the server does not answer. */
export const lostAt = signal<number | undefined>(undefined)
/** What has the server be asked sooner; set by who asks it. */
export const hurry = { current: (): void => undefined }

/** Something found that the server does not answer. */
export function lost(): void {
  lostAt.value ??= Date.now()
  hurry.current()
}
