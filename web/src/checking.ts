/**
 * The checks without AI while somebody types: a moment after the last key, the latest wins.
 * One request at a time, as the server cannot stop a check that nobody waits for any more.
 */

import { signal } from '@preact/signals'
import type { Signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { check } from './asking'
import type { Found } from './asking'
import { isBlank } from './draft'
import { flagsOf } from './flags'
import type { Flags } from './flags'
import { faultsOfProblem } from './faults'
import type { Fault, Form } from './form'
import { oneAtATime } from './latest'
import { lost, lostAt } from './reach'
import { sentRows } from './rows'

const REST_MS = 400
const BUSY_MS = 2_000

/** What the checks say at the moment. */
export type State =
  | { readonly is: 'nothing' | 'checking' | 'lost' }
  | { readonly is: 'refused'; readonly faults: readonly Fault[]; readonly detail: string }
  | { readonly is: 'done'; readonly found: Found; readonly at: readonly number[] }

/** The checks of a form. */
export interface Checking {
  readonly state: Signal<State>
  readonly flags: Signal<Flags>
  /** Follows the form while its component is shown. */
  readonly use: () => void
}

/** The checks of `form`, which begin when they are used. */
export function lazyCheck(form: Form): Checking {
  const state = signal<State>({ is: 'nothing' })
  const flags = signal<Flags>(new Map())
  const queue = oneAtATime()
  const use = () => {
    const draft = form.draft.value
    const wanted = form.takes.value.checks && !isBlank(draft)
    const gone = lostAt.value !== undefined
    useEffect(() => {
      if (!wanted) {
        state.value = { is: 'nothing' }
        flags.value = new Map()
        return undefined
      }
      if (gone) return undefined
      let over = false
      const run = async () => {
        if (over) return
        // What was found stays while it is looked for again.
        if (state.value.is !== 'done') state.value = { is: 'checking' }
        const { positions, at } = sentRows(draft.rows)
        const answer = await check(draft)
        if (over) return
        if (answer.ok) {
          state.value = { is: 'done', found: answer.value, at }
          flags.value = flagsOf(answer.value.findings, positions)
        } else if (answer.problem.status === 0) {
          state.value = { is: 'lost' }
          lost()
        } else if (answer.problem.status === 503) {
          timer = setTimeout(queue, answer.problem.retryAfterMs ?? BUSY_MS, run)
        } else {
          state.value = { is: 'refused', faults: faultsOfProblem(answer.problem, at), detail: answer.problem.detail }
          flags.value = new Map()
        }
      }
      let timer = setTimeout(queue, REST_MS, run)
      return () => {
        clearTimeout(timer)
        over = true
      }
    }, [draft.question, draft.rows, draft.specifications, draft.rest, draft.choices.language, wanted, gone])
  }
  return { state, flags, use }
}
