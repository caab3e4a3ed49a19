/**
 * Follows one run: the snapshot first, then the stream, as one view.
 *
 * The stream replays from the first event. Until it has passed the snapshot,
 * the snapshot stays on screen, so that a reload never shows less than before.
 * Events are applied once a frame; a burst costs one update.
 */

import { signal } from '@preact/signals'
import type { ReadonlySignal } from '@preact/signals'
import { eventsPath, getResult, getRun } from './api'
import { apply, beforeEvents, fromSnapshot, isTerminal } from './run'
import type { RunView } from './run'
import { share } from './share'
import { watch } from './stream'
import type { Link, Watch, Watcher } from './stream'
import { Tape } from './tape'
import { isRunEvent } from './wire/event'
import type { RunEvent } from './wire/event'
import { isRecord } from './wire/json'
import type { Problem } from './wire/problem'
import type { Snapshot } from './wire/snapshot'

/** A followed run. */
export interface Followed {
  readonly view: ReadonlySignal<RunView | undefined>
  readonly link: ReadonlySignal<Link>
  readonly problem: ReadonlySignal<Problem | undefined>
  /** Milliseconds since the run was accepted, by the server's clock. */
  readonly elapsed: ReadonlySignal<number>
  /** How many events came in one go after the last interruption; 0 when that is old news. */
  readonly caughtUp: ReadonlySignal<number>
  /** Whether the display stands still; the run goes on. */
  readonly frozen: ReadonlySignal<boolean>
  /** How many updates a frozen display has not shown. */
  readonly behind: ReadonlySignal<number>
  freeze(): void
  unfreeze(): void
  /** The last frames that came, for the events tab. */
  readonly tape: Tape
  tryNow(): void
  close(): void
}

const TICK_MS = 100
const CALM_TICK_MS = 1000
const CATCH_UP_MS = 400
const OLD_NEWS_MS = 5000

/** Follows run `id`, starting from `first` if there is a snapshot at hand. */
export function follow(id: string, first: Snapshot | undefined): Followed {
  const view = signal<RunView | undefined>(undefined)
  const link = signal<Link>({ state: 'connecting' })
  const problem = signal<Problem | undefined>(undefined)
  const elapsed = signal(0)
  const caughtUp = signal(0)
  const frozen = signal(false)
  const behind = signal(0)
  const tape = new Tape()
  let replay: RunView | undefined
  let waiting: RunEvent[] = []
  let frame = 0
  let stream: Watch | undefined
  let closed = false
  // The server's elapsed time minus ours. An event is never early, so the
  // largest difference is the one with the least delay in it.
  let offset = Number.NEGATIVE_INFINITY
  let returned: number | undefined

  const observe = (elapsedMs: number): void => {
    offset = Math.max(offset, elapsedMs - performance.now())
  }

  const show = (next: RunView): void => {
    view.value = next
    if (isTerminal(next)) elapsed.value = next.final?.performance?.total_time_ms ?? next.final?.elapsed_ms ?? next.elapsedMs
  }

  const flush = (): void => {
    cancelAnimationFrame(frame)
    frame = 0
    const events = waiting
    waiting = []
    if (replay === undefined || events.length === 0) return
    replay = events.reduce(apply, replay)
    if (frozen.value) behind.value += events.length
    else catchUp(replay)
    if (replay.final?.result_truncated) void complete()
  }

  /** Shows the replay once it has passed the snapshot. */
  const catchUp = (next: RunView): void => {
    const shown = view.value
    if (shown === undefined || next.lastSeq >= shown.lastSeq || isTerminal(next)) show(next)
  }

  /** Fetches what was too long for the stream. */
  const complete = async (): Promise<void> => {
    const answer = await getResult(id)
    if (closed || !answer.ok || replay === undefined) return
    replay = { ...replay, final: { ...answer.value, result_truncated: false } }
    if (!frozen.value) show(replay)
  }

  const event = (value: RunEvent): void => {
    waiting.push(value)
    observe(value.elapsed_ms)
    if (returned !== undefined) returned += 1
    // A hidden page gets no frames; a short timer keeps the queue small.
    if (document.hidden) {
      if (waiting.length === 1) setTimeout(flush, CATCH_UP_MS)
    } else if (frame === 0) frame = requestAnimationFrame(flush)
  }

  const linked = (next: Link): void => {
    tape.mark(next, performance.now())
    const before = link.value.state
    link.value = next
    if (next.state === 'live' && (before === 'reconnecting' || before === 'offline')) {
      returned = 0
      setTimeout(() => {
        caughtUp.value = returned ?? 0
        returned = undefined
        setTimeout(() => (caughtUp.value = 0), OLD_NEWS_MS)
      }, CATCH_UP_MS)
    }
  }

  const restart = async (): Promise<void> => {
    const answer = await getRun(id)
    if (closed) return
    if (answer.ok) show(fromSnapshot(answer.value))
    else problem.value = answer.problem
  }

  const start = async (): Promise<void> => {
    let snapshot = first
    while (snapshot === undefined) {
      const answer = await getRun(id)
      if (closed) return
      if (answer.ok) snapshot = answer.value
      else {
        problem.value = answer.problem
        if (answer.problem.status !== 0 && answer.problem.status < 500) return
        await new Promise((resolve) => setTimeout(resolve, 2000))
        if (closed) return
      }
    }
    problem.value = undefined
    const base = fromSnapshot(snapshot)
    observe(snapshot.elapsed_ms)
    elapsed.value = snapshot.elapsed_ms
    show(base)
    replay = beforeEvents(base)
    const watcher: Watcher = {
      link: linked,
      frame: (frame) => tape.take(frame, performance.now()),
      heard: (bytes) => tape.hear(bytes, performance.now()),
      opened: (headers) => (tape.headers = [...headers]),
      event: (value) => {
        if (isRunEvent(value)) {
          event(value)
          if (value.type !== 'final_result') return false
          flush()
          return true
        }
        // Events were trimmed: go on from the snapshot instead of the start.
        if (isRecord(value) && typeof value.first_available === 'number' && view.value && replay) {
          if (replay.lastSeq < view.value.lastSeq) replay = view.value
        }
        return false
      },
      nothingMore: () => {
        if (!replay || !isTerminal(replay)) void restart()
      },
      refused: (refusal) => {
        // An expired journal does not take away the report that is on screen.
        if (!view.value || !isTerminal(view.value)) problem.value = refusal
      },
    }
    // What has ended is read once and needs no company.
    stream = isTerminal(base) ? watch(eventsPath(id), watcher) : share(id, watcher)
  }

  const calm = window.matchMedia('(prefers-reduced-motion: reduce)').matches
  const ticking = setInterval(
    () => {
      const shown = view.value
      if (shown === undefined || isTerminal(shown) || frozen.value || link.value.state !== 'live') return
      elapsed.value = Math.max(shown.elapsedMs, performance.now() + offset)
    },
    calm ? CALM_TICK_MS : TICK_MS,
  )
  const awake = (): void => {
    if (!document.hidden) {
      flush()
      stream?.tryNow()
    }
  }
  document.addEventListener('visibilitychange', awake)
  void start()

  return {
    view,
    link,
    problem,
    elapsed,
    caughtUp,
    frozen,
    behind,
    freeze: () => {
      frozen.value = true
    },
    unfreeze: () => {
      frozen.value = false
      behind.value = 0
      if (replay !== undefined) catchUp(replay)
    },
    tape,
    tryNow: () => stream?.tryNow(),
    close: () => {
      closed = true
      stream?.close()
      clearInterval(ticking)
      cancelAnimationFrame(frame)
      document.removeEventListener('visibilitychange', awake)
    },
  }
}
