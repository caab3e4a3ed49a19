/** The rows of a bill as they are edited: pure. Cells stay as they were typed. */

import { isRecord, list, text } from './wire/json'
import type { JsonObject } from './wire/json'

/** The columns that every bill has, in their order. */
export const COLUMNS = ['no', 'item_name', 'unit', 'quantity', 'unit_price', 'total_price'] as const
/** Where a row stood in its file; kept with the row, and no column of the table. */
const ORIGIN = 'row'
/** Most rows that the server reads. */
export const MOST_ROWS = 20_000

/** A place in the table. */
export interface Place {
  readonly row: number
  readonly key: string
}

/** Columns of these rows: the usual ones, then whatever else a row has. */
export function columnsOf(rows: readonly JsonObject[]): readonly string[] {
  const usual: readonly string[] = COLUMNS
  const more = new Set<string>()
  for (const row of rows) {
    for (const key of Object.keys(row)) {
      const isName = key === 'description' && row.item_name === undefined
      if (!usual.includes(key) && key !== ORIGIN && !isName && text(row[key]) !== '') more.add(key)
    }
  }
  return [...usual, ...more]
}

/** What a cell shows. */
export function cellText(row: JsonObject | undefined, key: string): string {
  return row === undefined ? '' : text(row[field(row, key)])
}

/** Whether a cell holds more than one value, which a line of text would lose. */
export function isFixed(row: JsonObject | undefined, key: string): boolean {
  const value = row?.[key]
  return isRecord(value) || list(value).some(isRecord)
}

/** The rows after this was typed into a cell; rows are added as far as needed. */
export function setCell(rows: readonly JsonObject[], { row, key }: Place, typed: string): readonly JsonObject[] {
  const before = rows[row] ?? {}
  if (cellText(before, key) === typed || isFixed(before, key)) return rows
  const { [field(before, key)]: _, ...others } = before
  const next = [...rows]
  while (next.length < row) next.push({})
  next[row] = typed === '' ? others : { ...before, [field(before, key)]: typed }
  return next
}

/** The rows with an empty one at this place. */
export function addRow(rows: readonly JsonObject[], at: number): readonly JsonObject[] {
  return [...rows.slice(0, at), {}, ...rows.slice(at)]
}

/** The rows without the one at this place. */
export function removeRow(rows: readonly JsonObject[], at: number): readonly JsonObject[] {
  return rows.filter((_, index) => index !== at)
}

/** Puts cells over the rows, from a place on, one column of `keys` after the other. */
export function putCells(rows: readonly JsonObject[], at: number, keys: readonly string[], cells: readonly (readonly string[])[]): readonly JsonObject[] {
  const next = [...rows]
  cells.forEach((line, offset) => {
    const index = at + offset
    while (next.length <= index) next.push({})
    const filled: Record<string, JsonObject[string]> = { ...next[index] }
    line.forEach((typed, column) => {
      const key = keys[column]
      if (key === undefined || isFixed(filled, key)) return
      const name = field(filled, key)
      if (typed === '') delete filled[name]
      else filled[name] = typed
    })
    next[index] = filled
  })
  return next
}

/** Whether a row says nothing. */
export function isBlankRow(row: JsonObject): boolean {
  return Object.entries(row).every(([key, value]) => key === ORIGIN || text(value).trim() === '')
}

/** The rows that are sent, and where each of them stands in the table. */
export function sentRows(rows: readonly JsonObject[]): { readonly positions: readonly JsonObject[]; readonly at: readonly number[] } {
  const at = rows.flatMap((row, index) => (isBlankRow(row) ? [] : [index]))
  return { positions: at.map((index) => rows[index] ?? {}), at }
}

/** A row's description stands in one of two fields. */
function field(row: JsonObject, key: string): string {
  return key === 'item_name' && row.item_name === undefined && row.description !== undefined ? 'description' : key
}
