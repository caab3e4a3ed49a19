/** Asks again what did not succeed, in a linked run, and shows that. */

import { retryRun } from './api'
import { go } from './route'
import { remember } from './snapshots'

/** Why it was not asked again; empty when the page shows the new run. */
export async function retry(id: string): Promise<string> {
  const answer = await retryRun(id)
  if (!answer.ok) return answer.problem.detail
  remember(answer.value)
  go(`/runs/${answer.value.run_id}`)
  return ''
}
