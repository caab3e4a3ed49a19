/** Whether the server answers, and how its providers stand: asked again and again while the form is open. */

import { signal } from '@preact/signals'
import { getHealth } from './api'
import { getProviders } from './asking'
import type { ProviderState } from './asking'
import type { Health } from './wire/problem'

const USUALLY_MS = 10_000
const WHEN_LOST_MS = 2_000

/** What the server last said of itself. */
export const health = signal<Health | undefined>(undefined)
/** The providers, where questions go to any. */
export const providers = signal<readonly ProviderState[]>([])
/** Since when the server does not answer. */
export const lostAt = signal<number | undefined>(undefined)

let sooner = () => undefined as void

/** Something else found that the server does not answer. */
export function lost(): void {
  lostAt.value ??= Date.now()
  sooner()
}

/** Asks until it is stopped; a hidden page rests. */
export function watch(): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  let over = false
  const later = () => {
    clearTimeout(timer)
    if (!over) timer = setTimeout(ask, lostAt.value === undefined ? USUALLY_MS : WHEN_LOST_MS)
  }
  const ask = async () => {
    if (document.hidden) return
    const answer = await getHealth()
    if (over) return
    if (answer.ok) {
      health.value = answer.value
      const states = answer.value.destinations.length > 0 ? await getProviders() : undefined
      if (over) return
      if (states?.ok) providers.value = states.value
    }
    lostAt.value = answer.ok ? undefined : (lostAt.value ?? Date.now())
    later()
  }
  const shown = () => void (document.hidden || ask())
  sooner = later
  document.addEventListener('visibilitychange', shown)
  void ask()
  return () => {
    over = true
    clearTimeout(timer)
    sooner = () => undefined
    document.removeEventListener('visibilitychange', shown)
  }
}
