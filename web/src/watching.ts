/** Asks again and again whether the server answers, and how its providers stand, while the form is open. */

import { getHealth } from './api'
import { getProviders } from './asking'
import { health, hurry, lostAt, providers } from './reach'

const USUALLY_MS = 10_000
const WHEN_LOST_MS = 2_000

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
  hurry.current = later
  document.addEventListener('visibilitychange', shown)
  void ask()
  return () => {
    over = true
    clearTimeout(timer)
    hurry.current = () => undefined
    document.removeEventListener('visibilitychange', shown)
  }
}
