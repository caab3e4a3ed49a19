import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import type { Cell } from '../copy'
import { moved, windowOf } from '../grid'
import type { CellAt } from '../grid'
import { printing } from '../print'

/** A column of a grid. */
export interface GridColumn<T> {
  readonly title: string
  readonly text: (row: T) => Cell
  readonly show?: (row: T) => ComponentChildren
  readonly class?: string
}

interface Props<T> {
  readonly title: string
  readonly testid: string
  readonly columns: readonly GridColumn<T>[]
  readonly rows: readonly T[]
  readonly nameOf: (row: T) => number
  readonly isFlagged: (row: T) => boolean
  /** The name of the row to bring into view, and how often that was wished. */
  readonly wished: number
  readonly wishes: number
}

/** Up to here every row is drawn, as high as its words. */
const FEW = 60
/** As high as a row of a long grid is in the style sheet. */
const ROW_PX = 32
const HEAD_PX = 29

/**
 * A grid with one tab stop, keys for its cells, a head and a first column that stay.
 *
 * A long one draws only the rows that are seen; the cell with the focus says in full what its column cuts.
 */
export function Grid<T>({ title, testid, columns, rows, nameOf, isFlagged, wished, wishes }: Props<T>) {
  const box = useRef<HTMLDivElement>(null)
  const top = useSignal(0)
  const active = useSignal<CellAt>({ row: 0, column: 0 })
  const focusing = useRef(false)
  const shown = useRef('')
  const long = rows.length > FEW && !printing.value
  const height = box.current?.clientHeight || 600
  const seen = long ? windowOf(top.value, height, ROW_PX, rows.length) : { from: 0, to: rows.length }
  // Only what changes the drawn rows makes a new drawing.
  const scrolled = () => {
    const at = box.current?.scrollTop ?? 0
    const next = windowOf(at, height, ROW_PX, rows.length)
    if (next.from === windowOf(top.peek(), height, ROW_PX, rows.length).from) return
    // The cell with the focus leaves the drawing: the grid keeps it, so that keys go on from there.
    const gone = active.peek().row < next.from || active.peek().row >= next.to
    if (gone && !focusing.current && box.current?.contains(document.activeElement)) box.current.focus({ preventScroll: true })
    top.value = at
  }
  const reveal = (row: number, block: 'nearest' | 'center') => {
    const scroller = box.current
    if (scroller === null || !long) return
    const [begin, end] = [row * ROW_PX, (row + 1) * ROW_PX + HEAD_PX]
    const inside = begin >= scroller.scrollTop && end <= scroller.scrollTop + scroller.clientHeight
    if (inside && block === 'nearest') return
    const above = begin < scroller.scrollTop
    scroller.scrollTop = block === 'center' ? begin - scroller.clientHeight / 2 : above ? begin : end - scroller.clientHeight
    top.value = scroller.scrollTop
  }
  const go = (to: CellAt) => {
    active.value = to
    focusing.current = true
    reveal(to.row, 'nearest')
  }
  const pressed = (event: KeyboardEvent) => {
    if (event.altKey || event.metaKey) return
    const to = moved(event.key, event.ctrlKey, active.value, rows.length, columns.length, long ? Math.floor(height / ROW_PX) - 2 : 10)
    if (to === undefined) return
    event.preventDefault()
    go(to)
  }
  useLayoutEffect(() => {
    if (!focusing.current) return
    focusing.current = false
    const cell = box.current?.querySelector<HTMLElement>('[tabindex="0"]')
    cell?.focus({ preventScroll: long })
  }, [active.value, seen.from])
  useEffect(() => {
    const row = rows.findIndex((one) => nameOf(one) === wished)
    // A wish is met once, whatever is filtered afterwards.
    if (row === -1 || shown.current === `${wished} ${wishes}`) return
    shown.current = `${wished} ${wishes}`
    active.value = { row, column: 0 }
    box.current?.scrollIntoView({ block: 'center' })
    focusing.current = true
    reveal(row, 'center')
  }, [wished, wishes, rows.length])
  // After a filter the cell may be gone.
  const at = Math.min(active.value.row, rows.length - 1)
  const stop = at >= seen.from && at < seen.to ? at : Math.min(seen.to - 1, Math.ceil(top.value / ROW_PX))
  return (
    <div class={long ? 'bill long' : 'bill'} ref={box} tabIndex={-1} onScroll={long ? scrolled : undefined} onKeyDown={pressed}>
      <table role="grid" aria-label={title} aria-rowcount={rows.length + 1} aria-colcount={columns.length} data-testid={testid}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.title} scope="col" class={column.class}>
                {column.title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <Gap rows={seen.from} columns={columns.length} />
          {rows.slice(seen.from, seen.to).map((row, offset) => {
            const index = seen.from + offset
            return (
              <tr key={nameOf(row)} aria-rowindex={index + 2} data-row={nameOf(row)} class={rowClass(isFlagged(row), nameOf(row) === wished)}>
                {columns.map((column, place) => (
                  <td
                    key={column.title}
                    role={place === 0 ? 'rowheader' : 'gridcell'}
                    class={column.class}
                    tabIndex={index === stop && place === active.value.column ? 0 : -1}
                    title={long && (column.class === 'item' || column.class === 'why') ? String(column.text(row)) : undefined}
                    onFocus={() => (active.value = { row: index, column: place })}
                  >
                    {column.show ? column.show(row) : column.text(row)}
                  </td>
                ))}
              </tr>
            )
          })}
          <Gap rows={rows.length - seen.to} columns={columns.length} />
        </tbody>
      </table>
    </div>
  )
}

/** The height of the rows that are not drawn. */
function Gap({ rows, columns }: { rows: number; columns: number }) {
  if (rows <= 0) return null
  return (
    <tr aria-hidden="true" class="gap">
      <td colSpan={columns} style={{ height: `${rows * ROW_PX}px` }} />
    </tr>
  )
}

function rowClass(flagged: boolean, chosen: boolean): string {
  return [flagged && 'flagged', chosen && 'chosen'].filter(Boolean).join(' ')
}
