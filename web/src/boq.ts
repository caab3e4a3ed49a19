/** A bill of quantities as the server reads it: what was sent, what it was taken for, and what a reader corrected. */

import { call } from './api'
import type { Answer } from './api'
import { count, isRecord, list, record, text } from './wire/json'
import type { Json, JsonObject } from './wire/json'

/** Largest file that the server reads; a larger one is not sent. */
export const MOST_BYTES = 10 * 2 ** 20

/** A bill as it came; kept in memory, so that it can be read again. */
export type Source =
  | { readonly is: 'file'; readonly name: string; readonly bytes: ArrayBuffer }
  | { readonly is: 'pasted'; readonly text: string; readonly html: string }

/** What is detected unless somebody says otherwise. */
export const SETTINGS = ['sheet', 'header_row', 'separator', 'decimal', 'encoding'] as const
export type Setting = (typeof SETTINGS)[number]

/** What a column can hold. */
export const ROLES = [
  'no', 'code', 'description', 'unit', 'quantity', 'unit_price', 'total_price', 'object', 'element', 'concrete_class', 'exposure_classes', 'kind',
] as const

/** The role of a column that was recognised and is not used. */
const OTHER = 'other'

/** What a reader says goes before what it looks like. */
export interface Corrections {
  readonly settings: Readonly<Partial<Record<Setting, string>>>
  /** The column of a role by its place, from 0; nothing where no column has it. */
  readonly roles: ReadonlyMap<string, number | undefined>
  readonly hidden: boolean
}

/** Nothing corrected. */
export const AS_FOUND: Corrections = { settings: {}, roles: new Map(), hidden: false }

/** A setting as it was found out. */
export interface Detected {
  /** Empty when there is none, such as a row of headings. */
  readonly value: string
  /** From 0 to 1. */
  readonly confidence: number
  readonly choices: readonly string[]
  /** The sums of the readings of which none can be told to be right. */
  readonly readings: readonly { readonly value: string; readonly sum: number }[]
}

/** A row of the file. */
export interface Line {
  readonly row: number
  readonly kind: string
  readonly cells: readonly string[]
}

/** A column of the file. */
export interface Column {
  readonly name: string
  readonly role: string
  readonly confidence: number
}

/** What a bill says, and how that was found out. */
export interface Preview {
  readonly lines: readonly Line[]
  readonly columns: readonly Column[]
  readonly detected: ReadonlyMap<Setting, Detected>
  readonly hidden: { readonly rows: number; readonly columns: number }
  readonly warnings: readonly string[]
  /** The rows as a run takes them. */
  readonly positions: readonly JsonObject[]
  readonly sum?: number
  readonly stated?: { readonly sum: number; readonly cell: string }
}

/** Reads a bill; no model sees it, and nothing of it is stored. */
export function preview(source: Source, corrections: Corrections): Promise<Answer<Preview>> {
  const asked = asParameters(corrections)
  if (source.is === 'file') {
    asked.set('filename', source.name)
    return call('POST', `/api/v1/boq/preview?${asked}`, readPreview, { body: source.bytes, headers: { 'content-type': 'application/octet-stream' } })
  }
  return call('POST', `/api/v1/boq/preview?${asked}`, readPreview, { body: JSON.stringify({ text: source.text, html: source.html }) })
}

/** The corrections as the address has them. */
export function asParameters({ settings, roles, hidden }: Corrections): URLSearchParams {
  const asked = new URLSearchParams()
  for (const name of SETTINGS) if (settings[name] !== undefined) asked.set(name, settings[name])
  const columns = [...roles].map(([role, at]) => `${role}:${at === undefined ? '-' : letters(at)}`)
  if (columns.length > 0) asked.set('columns', columns.join(','))
  if (hidden) asked.set('hidden', 'true')
  return asked
}

/** The roles after the column at a place was given another one, or none. */
export function withRole(known: Corrections['roles'], columns: readonly Column[], at: number, role: string): Corrections['roles'] {
  const before = columns[at]?.role ?? ''
  const kept = [...known].filter(([own, place]) => place !== at && own !== role)
  if (role !== '') return new Map([...kept, [role, at]])
  return new Map(before === '' ? kept : [...kept, [before, undefined]])
}

/** "A", "B", ... "AA": a column as a spreadsheet calls it. */
export function letters(at: number): string {
  const last = String.fromCharCode(65 + (at % 26))
  return at < 26 ? last : letters(Math.floor(at / 26) - 1) + last
}

/** How many rows are items, headings, sums, and left out. */
export function classes(lines: readonly Line[]): { readonly items: number; readonly headings: number; readonly sums: number; readonly ignored: number } {
  const of = (...kinds: readonly string[]) => lines.filter(({ kind }) => kinds.includes(kind)).length
  return { items: of('item'), headings: of('heading'), sums: of('subtotal', 'total'), ignored: of('note') }
}

/** Whether the rows make a table of their own, and not some cells to put among others. */
export function isTable({ columns, detected, positions }: Preview): boolean {
  const header = detected.get('header_row')
  return positions.length > 0 && header !== undefined && header.value !== '' && columns.some(({ role }) => role === 'description')
}

/** Whether two sums are the same but for the last digit of a rounded one. */
export function agrees(sum: number, stated: number): boolean {
  return Math.abs(sum - stated) <= Math.max(0.01, Math.abs(stated) * 1e-9)
}

/** Reads what the server answers. */
export function readPreview(body: Json | undefined): { value: Preview } | undefined {
  if (!isRecord(body)) return undefined
  const [sum, stated] = [count(body.sum), count(body.stated_sum)]
  const found = record(body.detected)
  const hidden = record(body.hidden)
  return {
    value: {
      lines: list(body.items).map(record).map((item) => ({ row: count(item.row) ?? 0, kind: text(item.class), cells: list(item.cells).map(text) })),
      columns: list(body.columns).map(record).map((column) => ({ name: text(column.name), role: column.role === OTHER ? '' : text(column.role), confidence: count(column.confidence) ?? 0 })),
      detected: new Map(SETTINGS.flatMap((name) => (isRecord(found[name]) ? [[name, readDetected(record(found[name]))]] : []))),
      hidden: { rows: count(hidden.rows) ?? 0, columns: count(hidden.columns) ?? 0 },
      warnings: list(body.warnings).map((warning) => text(record(warning).message)),
      positions: list(body.positions).filter(isRecord),
      ...(sum === undefined ? {} : { sum }),
      ...(stated === undefined ? {} : { stated: { sum: stated, cell: text(body.stated_cell) } }),
    },
  }
}

function readDetected(from: JsonObject): Detected {
  const readings = list(from.readings).map(record)
  return {
    value: text(from.value),
    confidence: count(from.confidence) ?? 0,
    choices: list(from.choices).map(text),
    readings: readings.map((reading) => ({ value: text(reading.value), sum: count(reading.sum) ?? 0 })),
  }
}
