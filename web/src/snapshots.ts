/** The snapshot a run's page starts from without a round trip. */

import { parse } from './wire/json'
import { isSnapshot } from './wire/snapshot'
import type { Snapshot } from './wire/snapshot'

let made: Snapshot | undefined

/** Remembers the snapshot that came with a new run. */
export function remember(snapshot: Snapshot): void {
  made = snapshot
}

/** The snapshot of run `id` that came with a new run, or inline in the HTML. */
export function atHand(id: string): Snapshot | undefined {
  if (made?.run_id === id) return made
  const inline = parse(document.getElementById('snapshot')?.textContent ?? '')
  return isSnapshot(inline) && inline.run_id === id ? inline : undefined
}
