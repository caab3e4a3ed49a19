/**
 * The text of an answer as it grows: closed pieces that never change again, and an open one.
 *
 * A delta costs no more than the open piece is long, however long the answer is,
 * and a view needs to write only that piece.
 */

export interface GrowingText {
  readonly pieces: readonly string[]
  readonly open: string
  /** Code points in all. */
  readonly chars: number
}

/** Nothing yet. */
export const NO_TEXT: GrowingText = { pieces: [], open: '', chars: 0 }

const PIECE = 4096

/** The text with `added` at its end; deltas are whole characters, so no piece tears one. */
export function grown(text: GrowingText, added: string): GrowingText {
  const open = text.open + added
  const chars = text.chars + codePoints(added)
  return open.length < PIECE ? { ...text, open, chars } : { pieces: [...text.pieces, open], open: '', chars }
}

/** All of it in one. */
export function whole(text: GrowingText): string {
  return text.pieces.join('') + text.open
}

/** Its last `length` characters, without touching the rest. */
export function tailOf(text: GrowingText, length: number): string {
  const near = text.open.length < length ? (text.pieces.at(-1) ?? '') + text.open : text.open
  return near.slice(-length)
}

/** How the server counts characters. */
export function codePoints(text: string): number {
  let points = 0
  for (const _ of text) points += 1
  return points
}
