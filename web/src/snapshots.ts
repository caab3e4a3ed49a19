/** The snapshot a run's page starts from without a round trip. */

import { parse } from './wire/json'
import { isSnapshot } from './wire/snapshot'
import type { Snapshot } from './wire/snapshot'

let made: Snapshot | undefined
let inlineIsNew = true

/** Remembers the snapshot that came with a new run. */
export function remember(snapshot: Snapshot): void {
  made = snapshot
}

/** The snapshot of run `id` that came with a new run, or inline in the HTML; each is given once, then it is old. */
export function atHand(id: string): Snapshot | undefined {
  const fresh = made
  made = undefined
  if (fresh?.run_id === id) return fresh
  if (!inlineIsNew) return undefined
  inlineIsNew = false
  const inline = parse(document.getElementById('snapshot')?.textContent ?? '')
  return isSnapshot(inline) && inline.run_id === id ? inline : undefined
}
