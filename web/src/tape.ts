/**
 * The last frames that came to this page for one run, for the events tab.
 *
 * Bounded in number and size; the oldest leave first, and how many did is
 * known. Taking a frame down is a push: whoever shows the tape looks at it when
 * there is something to draw.
 */

import type { Frame, Link, Via } from './stream'

/** Most lines. */
export const MOST_LINES = 20_000
/** Most characters of data. */
export const MOST_CHARS = 8 * 1024 * 1024

/** A line of the tape: a frame, or what happened to the connection. */
export interface Line {
  /** Counts up, and is never used again. */
  readonly number: number
  /** When it came, on the clock of `performance.now()`. */
  readonly at: number
  readonly frame?: Frame
  readonly mark?: Mark
}

/** What happened to the connection. */
export type Mark = Link['state'] | 'shared' | 'paged'

/** Frames and marks, in the order in which they came. */
export class Tape {
  #lines: Line[] = []
  #from = 0
  #chars = 0
  #number = 0
  #mark: Mark | undefined
  /** Frames that came, those that left the tape among them. */
  frames = 0
  /** The last id that came. */
  lastId = ''
  /** Bytes that came over this page's own streams, heartbeats among them. */
  bytes = 0
  /** Lines that had to leave. */
  dropped = 0
  /** When anything came last. */
  heardAt: number | undefined
  /** The headers of the stream that was opened last. */
  headers: readonly (readonly [string, string])[] = []

  /** Takes a frame down. */
  take(frame: Frame, at: number): void {
    this.frames += 1
    this.lastId = frame.id || this.lastId
    this.#chars += frame.data.length
    this.#push({ number: this.#number, at, frame })
  }

  /** Takes down how the connection stands, once for each change. */
  mark(link: Link, at: number): void {
    const mark = link.state === 'live' ? MARKS[link.via ?? 'stream'] : link.state
    if (mark === this.#mark) return
    this.#mark = mark
    this.#push({ number: this.#number, at, mark })
  }

  /** Bytes came, whatever they mean. */
  hear(bytes: number, at: number): void {
    this.bytes += bytes
    this.heardAt = at
  }

  /** How the connection stands. */
  get lastMark(): Mark | undefined {
    return this.#mark
  }

  /** Changes with every line. */
  get version(): number {
    return this.#number
  }

  /** The lines that are kept, oldest first. */
  lines(): readonly Line[] {
    return this.#lines.slice(this.#from)
  }

  #push(line: Line): void {
    this.#lines.push(line)
    this.#number += 1
    while (this.#lines.length - this.#from > MOST_LINES || (this.#chars > MOST_CHARS && this.#lines.length - this.#from > 1)) {
      this.#chars -= this.#lines[this.#from]?.frame?.data.length ?? 0
      this.#from += 1
      this.dropped += 1
    }
    // What has left is let go of now and then, which costs less than moving all of it each time.
    if (this.#from > MOST_LINES / 2) {
      this.#lines = this.#lines.slice(this.#from)
      this.#from = 0
    }
  }
}

const MARKS: Readonly<Record<Via, Mark>> = { stream: 'live', tab: 'shared', journal: 'paged' }
