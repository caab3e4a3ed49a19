/** A bill that is being taken over: read by the server, corrected, read again from the same bytes. */

import { batch, signal } from '@preact/signals'
import type { ReadonlySignal } from '@preact/signals'
import { AS_FOUND, MOST_BYTES, isTable, preview } from './boq'
import type { Corrections, Preview, Source } from './boq'
import { number } from './format'
import { isBlankRow } from './rows'
import type { JsonObject } from './wire/json'
import { say } from './words'

const MEGABYTE = 2 ** 20

/** A bill that was read. */
export interface Reading {
  readonly source: Source
  readonly corrections: Corrections
  readonly preview: Preview
  /** The rows that stood in the table before it. */
  readonly before: readonly JsonObject[]
}

/** Why something was not taken. */
export interface Refusal {
  readonly text: string
  readonly hint?: string
}

/** What the table of the form is for this. */
export interface Table {
  readonly rows: () => readonly JsonObject[]
  readonly putRows: (rows: readonly JsonObject[], reading: Reading) => void
  /** Cells that are no table of their own, and what the server says of them. */
  readonly putCells: (cells: readonly (readonly string[])[], warnings: readonly string[]) => void
}

/** The taking over of bills into one table. */
export interface Taking {
  readonly reading: ReadonlySignal<Reading | undefined>
  readonly refused: ReadonlySignal<Refusal | undefined>
  readonly busy: ReadonlySignal<boolean>
  take(source: Source): Promise<void>
  takeFile(file: File): Promise<void>
  correct(corrections: Corrections): Promise<void>
  /** Shows this reading again, or none; what is under way is forgotten. */
  restore(reading: Reading | undefined): void
}

/** Takes bills over into `table`; the last one that was asked for wins. */
export function openTaking(table: () => Table): Taking {
  const reading = signal<Reading | undefined>(undefined)
  const refused = signal<Refusal | undefined>(undefined)
  const busy = signal(false)
  /** The reading whose rows stand in the table. */
  let settled: Reading | undefined
  let turn = 0

  /** What the server says, unless something else was asked for meanwhile. */
  const read = async (source: Source, corrections: Corrections): Promise<Preview | undefined> => {
    turn += 1
    const mine = turn
    busy.value = true
    const answer = await preview(source, corrections)
    if (mine !== turn) return undefined
    busy.value = false
    refused.value = answer.ok ? undefined : { text: answer.problem.detail, hint: answer.problem.hint }
    return answer.ok ? answer.value : undefined
  }
  const put = (next: Reading) => {
    table().putRows([...next.before, ...next.preview.positions], next)
    settled = next
    reading.value = next
  }
  const take = async (source: Source) => {
    const found = await read(source, AS_FOUND)
    if (found === undefined) return
    const rows = table().rows()
    const empty = rows.every(isBlankRow)
    if (source.is === 'file' || isTable(found) || (empty && found.positions.length > 0)) {
      // A file is the bill; what is pasted with its headings goes below what is there.
      put({ source, corrections: AS_FOUND, preview: found, before: empty || source.is === 'file' ? [] : rows })
      return
    }
    // Every line counts where none is a heading.
    const plain = await read(source, { ...AS_FOUND, settings: { header_row: '0' } })
    if (plain === undefined) return
    const wide = Math.max(...plain.lines.map(({ cells }) => cells.length))
    const cells = plain.lines.map((line) => Array.from({ length: wide }, (_, at) => line.cells[at] ?? ''))
    const said = plain.warnings.filter((warning) => warning.includes('####'))
    table().putCells(cells, said)
  }
  return {
    reading,
    refused,
    busy,
    take,
    takeFile: async (file) => {
      if (file.size > MOST_BYTES) {
        refused.value = { text: say('boq.too_large', { name: file.name, size: number(Math.ceil((file.size / MEGABYTE) * 10) / 10, 1), limit: MOST_BYTES / MEGABYTE }) }
        return
      }
      try {
        await take({ is: 'file', name: file.name, bytes: await file.arrayBuffer() })
      } catch {
        refused.value = { text: say('boq.unreadable', { name: file.name }) }
      }
    },
    correct: async (corrections) => {
      const shown = reading.value
      if (shown === undefined || settled === undefined) return
      // What somebody chose stays chosen while it is asked for.
      reading.value = { ...shown, corrections }
      const asked = turn + 1
      const found = await read(shown.source, corrections)
      if (asked !== turn) return
      const before = settled
      batch(() => {
        reading.value = before
        if (found !== undefined) put({ ...before, corrections, preview: found })
      })
    },
    restore: (earlier) => {
      turn += 1
      busy.value = false
      settled = earlier
      reading.value = earlier
      refused.value = undefined
    },
  }
}
