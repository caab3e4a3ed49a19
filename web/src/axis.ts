/** The timeline's axis: how long it is and where its ticks stand. */

/** What the reader chose: nothing yet, as long as the run is, or a fixed number of seconds. */
export type Span = 'auto' | 'fit' | 10 | 30 | 120

const FIRST_MS = 30_000
const LENGTHS = [1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 600, 1200, 1800, 3600]
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600]
const MOST_TICKS = 6

/**
 * The axis in ms. For a run that is watched live it doubles in one step at nine tenths, so that
 * bars never crawl back, and it stays when the run ends; a run that had ended is fitted.
 */
export function spanMs(choice: Span, elapsedMs: number, live: boolean): number {
  if (typeof choice === 'number') return choice * 1000
  if (choice === 'fit' || !live) {
    const needed = elapsedMs / 0.97
    return (LENGTHS.find((seconds) => seconds * 1000 >= needed) ?? Math.ceil(needed / 3_600_000) * 3600) * 1000
  }
  let span = FIRST_MS
  while (elapsedMs > span * 0.9) span *= 2
  return span
}

/** The ticks in ms, the start included. */
export function ticks(span: number): readonly number[] {
  const step = (STEPS.find((seconds) => span / (seconds * 1000) <= MOST_TICKS) ?? span / MOST_TICKS / 1000) * 1000
  return Array.from({ length: Math.floor(span / step + 1e-9) + 1 }, (_, index) => index * step)
}
