/** What the checks say of single rows: which cell is meant, and why. Pure. */

import { rank } from './severity'
import type { Finding } from './wire/event'
import type { JsonObject } from './wire/json'

/** What the checks say of a row. */
export interface Flag {
  /** The cells that are meant. */
  readonly keys: readonly string[]
  /** Gravest first. */
  readonly messages: readonly string[]
}

/** By the row itself: a row that is moved keeps its flag, one that is changed loses it until it is checked again. */
export type Flags = ReadonlyMap<JsonObject, Flag>

const CELLS: readonly (readonly [RegExp, string])[] = [
  [/^PRICE-(MUL|SUM)|^COST/, 'total_price'],
  [/^PRICE/, 'unit_price'],
  [/^UNIT|^PARSE-UNIT/, 'unit'],
  [/^QTY|^PARSE-NUM|^GEO|^RATIO/, 'quantity'],
]

/** Whether a finding says more than that something was looked at. */
export function isGrave(finding: Finding): boolean {
  return rank(finding.severity) > 0
}

/** The flags of these rows, which were sent in this order. */
export function flagsOf(findings: readonly Finding[], rows: readonly JsonObject[]): Flags {
  const flags = new Map<JsonObject, Flag>()
  const grave = findings.filter(isGrave).sort((a, b) => rank(b.severity) - rank(a.severity))
  for (const finding of grave) {
    for (const index of finding.rows ?? []) {
      const row = rows[index]
      if (row === undefined) continue
      const before = flags.get(row) ?? { keys: [], messages: [] }
      flags.set(row, { keys: [...before.keys, cellOf(finding, row)], messages: [...before.messages, finding.message] })
    }
  }
  return flags
}

function cellOf(finding: Finding, row: JsonObject): string {
  const key = CELLS.find(([rule]) => rule.test(finding.rule))?.[1] ?? 'item_name'
  // What cannot be read is told with its text.
  const found = String(finding.found ?? '')
  const cell = ['quantity', 'unit_price', 'total_price'].find((one) => found !== '' && String(row[one] ?? '') === found)
  return finding.rule === 'PARSE-NUM' ? (cell ?? key) : key
}
