/** From the click to the run: what it would do, leave to send it, then the run itself, once. */

import type { Answer } from './api'
import { estimate, isOpen, keyOf, makeRun, settleKey } from './asking'
import { agree } from './consent'
import type { Snapshot } from './wire/snapshot'

const TRIES = 3
const REST_MS = 2_000

/** What became of a click: a run, a problem, or nothing because the reader said no. */
export type Started = Answer<Snapshot> | 'declined'

/** Makes the run of a body. A click that is repeated because its answer was lost joins the run it made. */
export async function start(body: string): Promise<Started> {
  const key = keyOf(body)
  const planned = await patiently(() => estimate(body))
  if (!planned.ok) return planned
  if (!(await agree(planned.value.destinations))) return 'declined'
  return make(body, key)
}

/** The same where nothing leaves the server. */
export function startHere(body: string): Promise<Answer<Snapshot>> {
  return make(body, keyOf(body))
}

/** Asks again while the server has too much to do, as often as people wait. */
async function patiently<T>(ask: () => Promise<Answer<T>>): Promise<Answer<T>> {
  for (let tries = 1; ; tries += 1) {
    const answer = await ask()
    if (answer.ok || answer.problem.code !== 'overloaded' || tries === TRIES) return answer
    await new Promise((rested) => setTimeout(rested, answer.problem.retryAfterMs ?? REST_MS))
  }
}

async function make(body: string, key: string): Promise<Answer<Snapshot>> {
  const answer = await makeRun(body, key)
  if (answer.ok || !isOpen(answer.problem.status)) settleKey()
  return answer
}
