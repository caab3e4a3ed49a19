/** A table for the clipboard: cells for a spreadsheet, without formulas, or Markdown. Pure but for `put`. */

/** A cell: numbers stay numbers. */
export type Cell = string | number

/** A table as it is copied. */
export interface Copied {
  readonly head: readonly string[]
  readonly rows: readonly (readonly Cell[])[]
}

const FORMULA = /^[=+\-@\t\r＝＋－＠]/
const NUMBER = /^[+-]?\d+([.,]\d+)?$/

/** The cell as a spreadsheet may have it: what would be run as a formula gets an apostrophe. */
export function safeCell(cell: Cell): string {
  if (typeof cell === 'number') return String(cell)
  return FORMULA.test(cell) && !NUMBER.test(cell) ? `'${cell}` : cell
}

/** Tab-separated; a cell with a tab, a quote or a line break is quoted. */
export function tsv({ head, rows }: Copied): string {
  const quoted = (cell: Cell) => {
    const safe = safeCell(cell)
    return /[\t\r\n"]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
  }
  return [head, ...rows].map((row) => row.map(quoted).join('\t')).join('\r\n')
}

/** The same table as HTML, which spreadsheets prefer: line breaks stay in their cell. */
export function html({ head, rows }: Copied): string {
  const escaped = (cell: Cell) => safeCell(cell).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
  const row = (tag: 'th' | 'td', cells: readonly Cell[]) => `<tr>${cells.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('')}</tr>`
  return `<table><thead>${row('th', head)}</thead><tbody>${rows.map((cells) => row('td', cells)).join('')}</tbody></table>`
}

/** The table as Markdown. */
export function markdownTable({ head, rows }: Copied): string {
  const cell = (value: Cell) => String(value).replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll('<', '&lt;').replace(/\s*[\r\n]+\s*/g, ' ')
  const line = (cells: readonly Cell[]) => `| ${cells.map(cell).join(' | ')} |`
  return [line(head), `|${' --- |'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

/** Puts the forms on the clipboard together; whether it worked. */
export async function put(forms: Readonly<Record<string, string>>): Promise<boolean> {
  try {
    const items = Object.entries(forms).map(([type, text]) => [type, new Blob([text], { type })] as const)
    await navigator.clipboard.write([new ClipboardItem(Object.fromEntries(items))])
    return true
  } catch {
    return putOld(forms)
  }
}

/** Over plain HTTP from another computer there is no other way. */
function putOld(forms: Readonly<Record<string, string>>): boolean {
  const fill = (event: ClipboardEvent) => {
    event.preventDefault()
    for (const [type, text] of Object.entries(forms)) event.clipboardData?.setData(type, text)
  }
  // Without this, nothing selected means nothing to copy.
  const allow = (event: Event) => event.preventDefault()
  document.addEventListener('beforecopy', allow)
  document.addEventListener('copy', fill)
  const done = document.execCommand('copy')
  document.removeEventListener('copy', fill)
  document.removeEventListener('beforecopy', allow)
  return done
}
