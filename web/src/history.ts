/**
 * The history as it is shown. The contract has no stream of the list, so it is
 * asked again every three seconds while somebody looks: one request for the
 * newest runs, and a second one when older ones are still under way.
 */

import { signal } from '@preact/signals'
import type { ReadonlySignal } from '@preact/signals'
import { cursorOfLive, hide, listRuns, withPart } from './listing'
import type { Filter, Row } from './listing'
import type { Problem } from './wire/problem'

const EVERY_MS = 3000
const PAGE = 50
const LONGEST_PAGE = 200
/** How long a deleted run can be taken back. */
export const UNDO_MS = 10_000

/** An open history. */
export interface History {
  /** Absent until the first answer. */
  readonly rows: ReadonlySignal<readonly Row[] | undefined>
  /** Whether older runs can be read. */
  readonly more: ReadonlySignal<boolean>
  /** Why the list is not up to date. */
  readonly problem: ReadonlySignal<Problem | undefined>
  /** When it was up to date last. */
  readonly asOf: ReadonlySignal<number>
  /** The runs that will be deleted, and when. */
  readonly leaving: ReadonlySignal<ReadonlyMap<string, number>>
  refresh(): Promise<void>
  readMore(): Promise<void>
  remove(id: string): void
  keep(id: string): void
  close(): void
}

/** Opens the history of what `filter` lets through. */
export function openHistory(filter: Filter): History {
  const rows = signal<readonly Row[] | undefined>(undefined)
  const more = signal(false)
  const problem = signal<Problem | undefined>(undefined)
  const asOf = signal(0)
  const leaving = signal<ReadonlyMap<string, number>>(new Map())
  /** The runs whose deletion is on its way. */
  const asked = new Set<string>()
  let next: string | undefined
  let closed = false
  let waiting = 0
  let tail = Promise.resolve()

  /** Reads the list after `cursor`; `false` when that failed. */
  const read = async (cursor: string, limit: number): Promise<boolean> => {
    const answer = await listRuns(filter, cursor, limit)
    if (closed) return false
    problem.value = answer.ok ? undefined : answer.problem
    if (!answer.ok) return false
    const before = rows.value ?? []
    const all = withPart(before, answer.value, cursor)
    // The end of what is known is where reading goes on.
    if (before.length === 0 || all[all.length - 1]?.id !== before[before.length - 1]?.id) next = answer.value.next
    rows.value = all
    more.value = next !== undefined
    asOf.value = Date.now()
    return true
  }

  /** One request after the other: two answers must not overtake each other. */
  const inTurn = (work: () => Promise<unknown>): Promise<void> => {
    waiting += 1
    tail = tail.then(async () => {
      if (!closed) await work()
      waiting -= 1
    })
    return tail
  }

  const refresh = (): Promise<void> =>
    inTurn(async () => {
      if (!(await read('', PAGE))) return
      const cursor = cursorOfLive(rows.value ?? [], PAGE)
      if (cursor !== undefined) await read(cursor, LONGEST_PAGE)
    })

  const keep = (id: string): void => {
    leaving.value = new Map([...leaving.value].filter(([other]) => other !== id))
  }

  const remove = async (id: string): Promise<void> => {
    asked.add(id)
    const answer = await hide(id)
    asked.delete(id)
    if (answer.ok) rows.value = rows.value?.filter((row) => row.id !== id)
    else problem.value = answer.problem
    keep(id)
  }

  /** Deletes what has waited long enough, or all of it; all at once, since a page that goes waits for nothing. */
  const removeDue = (now: number): void => {
    for (const [id, at] of leaving.value) if (at <= now && !asked.has(id)) void remove(id)
  }

  const tick = (): void => {
    if (!document.hidden && waiting === 0) void refresh()
  }
  const due = setInterval(() => removeDue(Date.now()), 500)
  const polling = setInterval(tick, EVERY_MS)
  const leave = (): void => removeDue(Number.POSITIVE_INFINITY)
  document.addEventListener('visibilitychange', tick)
  window.addEventListener('pagehide', leave)
  void refresh()

  return {
    rows,
    more,
    problem,
    asOf,
    leaving,
    refresh,
    readMore: () => inTurn(() => (next === undefined ? Promise.resolve() : read(next, PAGE))),
    remove: (id) => (leaving.value = new Map([...leaving.value, [id, Date.now() + UNDO_MS]])),
    keep,
    close: () => {
      leave()
      closed = true
      clearInterval(due)
      clearInterval(polling)
      document.removeEventListener('visibilitychange', tick)
      window.removeEventListener('pagehide', leave)
    },
  }
}
