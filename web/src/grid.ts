/** Arithmetic of a grid: which rows are drawn, and where a key leads. Pure. */

/** A cell by row and column, both from 0. */
export interface CellAt {
  readonly row: number
  readonly column: number
}

/** The rows to draw, from and up to. */
export interface Window {
  readonly from: number
  readonly to: number
}

const STEP = 4
const BEYOND = 8

/** The rows to draw of `total`, each `height` high, at this scroll position; it changes only every few rows. */
export function windowOf(scrollTop: number, viewHeight: number, height: number, total: number): Window {
  const first = Math.floor(Math.max(0, scrollTop) / height / STEP) * STEP
  const seen = Math.ceil(viewHeight / height) + STEP
  return { from: Math.max(0, Math.min(first - BEYOND, total)), to: Math.min(total, first + seen + BEYOND) }
}

/** Where a key leads from `at` in a grid of this size; nothing for other keys. */
export function moved(key: string, whole: boolean, at: CellAt, rows: number, columns: number, page: number): CellAt | undefined {
  const step: Readonly<Record<string, readonly [number, number]>> = {
    ArrowUp: [-1, 0],
    ArrowDown: [1, 0],
    ArrowLeft: [0, -1],
    ArrowRight: [0, 1],
    PageUp: [-page, 0],
    PageDown: [page, 0],
    Home: [whole ? -rows : 0, -columns],
    End: [whole ? rows : 0, columns],
  }
  const by = Object.hasOwn(step, key) ? step[key] : undefined
  if (by === undefined || rows === 0) return undefined
  const within = (value: number, size: number) => Math.max(0, Math.min(size - 1, value))
  return { row: within(at.row + by[0], rows), column: within(at.column + by[1], columns) }
}
