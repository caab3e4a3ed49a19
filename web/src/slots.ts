/** Locks of this browser profile, held by one tab at a time and let go of when the tab is gone. */

const SLOTS = 4

/** Whether tabs can agree on anything here; pages from http:// on other computers have no locks. */
export function canShare(): boolean {
  return typeof BroadcastChannel !== 'undefined' && typeof navigator !== 'undefined' && 'locks' in navigator
}

/**
 * One of the few streams that all tabs together keep open; nothing when all are taken.
 * HTTP/1.1 has six connections to a host: the rest is for everything else the pages ask.
 */
export async function takeSlot(base: string): Promise<(() => void) | undefined> {
  for (let number = 0; number < SLOTS; number += 1) {
    const release = await takeNow(`askstream ${base} slot ${number}`)
    if (release !== undefined) return release
  }
  return undefined
}

/** The lock `name` if nobody has it; what is returned lets it go. */
function takeNow(name: string): Promise<(() => void) | undefined> {
  return new Promise((resolve) => {
    const held = navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      if (lock === null) return resolve(undefined)
      return new Promise<void>((release) => resolve(() => release()))
    })
    held.catch(() => resolve(undefined))
  })
}
