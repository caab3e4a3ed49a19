/**
 * What is decided about findings: kept with the run at the server.
 *
 * A choice is shown at once, and taken back with its reason when the server does not
 * keep it. Choices about one finding are sent one after the other, so that the last one stands.
 */

import { signal } from '@preact/signals'
import type { ReadonlySignal } from '@preact/signals'
import { call } from './api'
import type { Decision } from './wire/snapshot'

/** Longest note that the server keeps. */
export const LONGEST_NOTE = 1000

/** What can be decided. */
export const CHOICES = ['fix', 'accept', 'dispute'] as const

/** A decision as it is shown. */
export interface Decided {
  readonly decision?: Decision
  readonly state: 'kept' | 'sending' | 'refused'
  /** Why the server did not keep the last choice. */
  readonly why?: string
}

/** The decisions of one run. */
export interface Decisions {
  readonly all: ReadonlySignal<ReadonlyMap<string, Decided>>
  /** Decides; nothing takes the decision back. */
  decide(finding: string, decision: Decision | undefined): Promise<void>
}

const UNDECIDED: Decided = { state: 'kept' }

/** The decisions of a run that were kept when it was read. */
export function openDecisions(run: string, kept: Readonly<Record<string, Decision>>): Decisions {
  const all = signal<ReadonlyMap<string, Decided>>(new Map(Object.entries(kept).map(([finding, decision]) => [finding, { decision, state: 'kept' }])))
  /** What the server is known to have. */
  const known = new Map(Object.entries(kept))
  const tails = new Map<string, Promise<void>>()
  const last = new Map<string, Decision | undefined>()
  const show = (finding: string, decided: Decided) => (all.value = new Map([...all.value, [finding, decided]]))

  const send = async (finding: string, decision: Decision | undefined) => {
    const body = JSON.stringify(decision === undefined ? { decision: null } : { decision: decision.decision, note: decision.note ?? '' })
    const path = `/api/v1/runs/${encodeURIComponent(run)}/decisions/${encodeURIComponent(finding)}`
    const answer = await call('PUT', path, () => ({ value: undefined }), { body, keepalive: true })
    if (answer.ok) {
      if (decision) known.set(finding, decision)
      else known.delete(finding)
    }
    // Another choice was made meanwhile: that one is shown.
    if (last.get(finding) !== decision) return
    if (answer.ok) show(finding, { decision, state: 'kept' })
    else show(finding, { decision: known.get(finding), state: 'refused', why: answer.problem.detail })
  }
  return {
    all,
    decide: (finding, decision) => {
      last.set(finding, decision)
      show(finding, { decision, state: 'sending' })
      const next = (tails.get(finding) ?? Promise.resolve()).then(() => send(finding, decision))
      tails.set(finding, next)
      return next
    },
  }
}

/** What is decided about a finding. */
export function decidedOf(all: ReadonlyMap<string, Decided>, finding: string | undefined): Decided {
  return (finding === undefined ? undefined : all.get(finding)) ?? UNDECIDED
}
