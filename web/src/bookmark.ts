/**
 * A place in a run's journal, held by one reader.
 *
 * Events come from several sides: this tab's stream, another tab, pages of the
 * journal. Each says which number its sender had before it, so that a reader
 * takes every event once and knows when it missed one. Numbers alone would not
 * do, since a journal whose pieces of text were dropped has holes.
 */

/** What to do with an event. */
export type Fit = 'take' | 'known' | 'gap'

export class Bookmark {
  #run: string
  /** Number of the last event that was taken; 0 before the first. */
  seq = 0

  constructor(run: string) {
    this.#run = run
  }

  /** The cursor that a stream goes on from; empty before the first event. */
  get cursor(): string {
    return this.seq === 0 ? '' : `${this.#run}.${this.seq}`
  }

  /** What to do with event `seq`, whose sender had `before` before it. */
  fit(seq: number, before: number): Fit {
    if (seq <= this.seq) return 'known'
    return before <= this.seq ? 'take' : 'gap'
  }

  /** Event `seq` was taken. */
  took(seq: number): void {
    this.seq = Math.max(this.seq, seq)
  }
}

/** The number in an event's id; 0 when there is none. */
export function seqOf(id: string): number {
  const seq = Number(/\.(\d+)$/.exec(id)?.[1])
  return Number.isSafeInteger(seq) ? seq : 0
}
