/** Whether this browser has agreed to send anything to a vendor: asked once for each address. */

import { signal } from '@preact/signals'
import type { Destination } from './asking'
import { list, parse, text } from './wire/json'

const KEY = 'askstream.consent'

/** The question that stands open. */
export interface Asked {
  readonly destinations: readonly Destination[]
  readonly answer: (agreed: boolean) => void
}

/** What the dialog asks, while it does. */
export const asked = signal<Asked | undefined>(undefined)

let agreed = new Set(stored())

/** Asks about the vendors among these that are new to this browser; what stays on this computer needs no leave. */
export function agree(destinations: readonly Destination[]): Promise<boolean> {
  agreed = new Set([...agreed, ...stored()])
  const strange = destinations.filter((to) => !to.local && !agreed.has(mark(to)))
  if (strange.length === 0) return Promise.resolve(true)
  return new Promise((resolve) => {
    const answer = (yes: boolean) => {
      asked.value = undefined
      if (yes) remember(strange)
      resolve(yes)
    }
    asked.value = { destinations: strange, answer }
  })
}

function mark({ provider, host }: Destination): string {
  return `${provider} ${host}`
}

function remember(destinations: readonly Destination[]): void {
  for (const to of destinations) agreed.add(mark(to))
  try {
    localStorage.setItem(KEY, JSON.stringify([...agreed]))
  } catch {
    // Then it is asked again after a reload.
  }
}

function stored(): readonly string[] {
  try {
    return list(parse(localStorage.getItem(KEY) ?? '')).map(text)
  } catch {
    return []
  }
}
