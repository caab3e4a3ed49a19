/**
 * Rows pasted from a spreadsheet: quoted tab-separated text, the plainest headings.
 * Thin on purpose: the server's preview reads everything else.
 */

import { COLUMNS } from './rows'

/** What was pasted. */
export interface Pasted {
  readonly cells: readonly (readonly string[])[]
  /** The columns that the first line named; that line is not among the cells. */
  readonly headings?: readonly string[]
  /** Cells of `####`: the spreadsheet showed no number because the column was too narrow. */
  readonly hashes: number
}

const HEADINGS: Readonly<Record<(typeof COLUMNS)[number], readonly string[]>> = {
  no: ['no', 'no.', 'nr', 'nr.', '#', 'pos', 'pos.', 'item', 'item no', 'item no.', 'p.c', 'p.c.', 'poradi', 'c', 'c.', 'cislo'],
  item_name: ['description', 'item name', 'name', 'item description', 'popis', 'nazev', 'nazev polozky', 'polozka', 'text', 'bezeichnung', 'beschreibung'],
  unit: ['unit', 'uom', 'mj', 'm.j', 'm.j.', 'jednotka', 'me', 'einheit'],
  quantity: ['quantity', 'qty', 'qty.', 'mnozstvi', 'vymera', 'menge'],
  unit_price: ['unit price', 'rate', 'price', 'price per unit', 'cena/mj', 'jednotkova cena', 'j.cena', 'j. cena', 'cena', 'ep', 'einheitspreis'],
  total_price: ['total', 'total price', 'amount', 'cena celkem', 'celkem', 'gp', 'gesamtpreis'],
}

/** Reads pasted text; nothing when it is one cell, which is ordinary text. */
export function readPasted(raw: string): Pasted | undefined {
  const cells = split(raw)
  if (cells.length === 0 || (cells.length === 1 && cells[0]?.length === 1)) return undefined
  const named = (cells[0] ?? []).map(column)
  const known = named.filter((key) => key !== undefined)
  const isHeading = cells.length > 1 && known.includes('item_name') && known.length >= 2 && new Set(known).size === known.length
  const body = isHeading ? cells.slice(1) : cells
  const hashes = body.flat().filter((cell) => /^#{3,}$/.test(cell)).length
  const headings = named.map((key, index) => key ?? (cells[0]?.[index] || `column ${index + 1}`))
  return { cells: body, hashes, ...(isHeading ? { headings } : {}) }
}

function column(heading: string): string | undefined {
  const plain = heading.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase().trim()
  return COLUMNS.find((key) => HEADINGS[key].includes(plain))
}

/** Lines of cells; a quoted cell may hold tabs, line ends and doubled quotes. */
function split(raw: string): readonly (readonly string[])[] {
  const lines: string[][] = []
  let line: string[] = []
  const cell = /(?:"((?:[^"]|"")*)"(?=[\t\r\n]|$)|([^\t\r\n]*))(\t|\r\n|\r|\n|$)/gy
  for (;;) {
    const start = cell.lastIndex
    const found = cell.exec(raw)
    if (found === null) break
    const end = found[3] ?? ''
    line.push((found[1]?.replaceAll('""', '"') ?? found[2] ?? '').trim())
    if (end !== '\t') {
      lines.push(line)
      line = []
    }
    if (end === '' || cell.lastIndex === start) break
  }
  while (lines.at(-1)?.every((text) => text === '')) lines.pop()
  return lines
}
