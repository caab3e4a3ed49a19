/** From the button to the run's page, or to what is wrong. */

import { requestOf } from './asking'
import { faultsOf, faultsOfProblem } from './faults'
import { takenOf } from './form'
import type { Form } from './form'
import { keep } from './keeping'
import type { Kept } from './keeping'
import { assertive } from './notice'
import { lost, lostAt } from './reach'
import { go } from './route'
import { STRIP } from './samples'
import { remember } from './snapshots'
import { start, startHere } from './start'
import type { Started } from './start'
import { say } from './words'

/** Asks what stands in the form, unless something is wrong with it. */
export function submit(form: Form, kept: Kept): void {
  const draft = form.draft.value
  keep(kept, draft)
  form.problem.value = undefined
  const taken = takenOf(draft, form.takes.value)
  form.faults.value = faultsOf(taken)
  const [first] = form.faults.value
  if (first) return refuse(form, first.text)
  if (lostAt.value !== undefined) {
    assertive.value = say('form.not_now')
    return
  }
  const { body, at } = requestOf(taken)
  void follow(form, kept, start(body), at)
}

/** Plays the example with the scripted provider; what stands in the form stays. */
export function simulate(form: Form, kept: Kept): void {
  if (lostAt.value !== undefined) return
  const options = { on_disconnect: 'continue', model: 'scripted' }
  void follow(form, kept, startHere(JSON.stringify({ panel: 'audit', question: STRIP.question, input: STRIP.input, options })), undefined)
}

async function follow(form: Form, kept: Kept, starting: Promise<Started>, at: readonly number[] | undefined): Promise<void> {
  if (form.busy.value) return
  form.busy.value = true
  const answer = await starting
  form.busy.value = false
  if (answer === 'declined') return
  if (answer.ok) {
    keep(kept, form.draft.value, at !== undefined)
    remember(answer.value)
    go(`/runs/${answer.value.run_id}`)
    return
  }
  if (answer.problem.status === 0) lost()
  form.problem.value = answer.problem
  form.faults.value = faultsOfProblem(answer.problem, at ?? [])
  refuse(form, form.faults.value[0]?.text ?? answer.problem.detail)
}

function refuse(form: Form, text: string): void {
  form.tries.value += 1
  assertive.value = text
}
