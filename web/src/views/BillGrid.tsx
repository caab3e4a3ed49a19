import { useSignal } from '@preact/signals'
import type { Signal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import type { Flags } from '../flags'
import { label } from '../format'
import { step } from '../gridkeys'
import { useSaid } from '../notice'
import { cellText, isFixed } from '../rows'
import type { Place } from '../rows'
import type { JsonObject } from '../wire/json'
import { say } from '../words'

/** Heights of a row and of the visible part; the stylesheet has the same. */
const ROW_PX = 32
const SHOWN = 10
/** Rows drawn above and below what is visible. */
const SPARE = 6
const FEWEST = 4
const NUMBERS = new Set(['no', 'quantity', 'unit_price', 'total_price'])
const LEAST: Readonly<Record<string, number>> = { no: 64, item_name: 200, unit: 64, check: 150 }
const TITLES = { no: 'col.no', item_name: 'col.item', unit: 'col.unit', quantity: 'col.quantity', unit_price: 'col.unit_price', total_price: 'col.total' } as const

interface Props {
  readonly rows: readonly JsonObject[]
  readonly columns: readonly string[]
  readonly flags: Flags
  readonly active: Signal<Place>
  readonly goal: Signal<Place | undefined>
  readonly invalid: boolean
  readonly edit: (place: Place, typed: string) => void
  /** Takes what is pasted as rows or a file; false when it is ordinary text. */
  readonly paste: (clip: DataTransfer) => boolean
  readonly undo: () => void
}

/**
 * Cells that the arrow keys walk through: Enter or a letter edits, Escape leaves
 * as it was, Tab goes on to the next cell while editing and out of the table otherwise.
 * Only rows near the visible part are in the document.
 */
export function BillGrid({ rows, columns, flags, active, goal, invalid, edit, paste, undo }: Props) {
  const scroller = useRef<HTMLDivElement>(null)
  const top = useSignal(0)
  /** What is typed into the active cell, while it is edited. */
  const typed = useSignal<string | undefined>(undefined)
  const follow = useRef(false)
  const { row, key } = active.value
  const count = Math.max(FEWEST, rows.length + 1)

  const move = (to: Place) => {
    const place = { row: Math.max(0, Math.min(count - 1, to.row)), key: to.key }
    const box = scroller.current
    if (box) {
      const [from, until] = [place.row * ROW_PX, (place.row + 2) * ROW_PX - box.clientHeight]
      box.scrollTop = Math.min(from, Math.max(until, box.scrollTop))
      top.value = box.scrollTop
    }
    typed.value = undefined
    follow.current = true
    active.value = place
  }
  const begin = (text: string) => {
    if (!isFixed(rows[row], key)) typed.value = text
  }
  const commit = () => {
    const text = typed.value
    typed.value = undefined
    if (text !== undefined) edit({ row, key }, text)
  }
  const leave = (to: Place) => {
    commit()
    move(to)
  }
  const beside = (by: number): Place | undefined => {
    const at = columns.indexOf(key) + by
    if (at >= 0 && at < columns.length) return { row, key: columns[at] ?? key }
    const other = row + Math.sign(by)
    return other >= 0 && other < count ? { row: other, key: (by > 0 ? columns[0] : columns.at(-1)) ?? key } : undefined
  }

  const wanted = goal.value
  useEffect(() => {
    if (wanted === undefined) return
    goal.value = undefined
    move({ row: wanted.row, key: columns.includes(wanted.key) ? wanted.key : 'item_name' })
    scroller.current?.scrollIntoView({ block: 'nearest' })
  })
  useLayoutEffect(() => {
    if (!follow.current) return
    follow.current = false
    document.getElementById(cellId(active.value))?.focus({ preventScroll: true })
    document.getElementById(cellId(active.value))?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  })

  const editing = (event: KeyboardEvent) => {
    if (event.key === 'Escape') move({ row, key })
    else if (event.key === 'Enter' && !event.ctrlKey && !event.metaKey) leave({ row: row + (event.shiftKey ? -1 : 1), key })
    else if (event.key === 'Tab') {
      const next = beside(event.shiftKey ? -1 : 1)
      if (next === undefined) return
      leave(next)
    } else {
      // Ctrl+Enter runs the audit with what is typed.
      if (event.key === 'Enter') {
        commit()
        follow.current = true
      }
      return
    }
    event.preventDefault()
    event.stopPropagation()
  }
  const walking = (event: KeyboardEvent) => {
    const command = event.ctrlKey || event.metaKey
    const to = step(event, { row, column: columns.indexOf(key) }, { rows: count, columns: columns.length, page: SHOWN - 1 })
    if (to) move({ row: to.row, key: columns[to.column] ?? key })
    else if (command && event.key.toLowerCase() === 'z') undo()
    else if (command || event.altKey || event.key === 'Tab' || event.key === 'Escape') return
    else if (event.key === 'Enter' || event.key === 'F2') begin(cellText(rows[row], key))
    else if (event.key === 'Delete' || event.key === 'Backspace') edit({ row, key }, '')
    else if (event.key.length === 1) begin(event.key)
    else return
    event.preventDefault()
    event.stopPropagation()
  }
  const onPaste = (event: ClipboardEvent) => {
    const clip = event.clipboardData
    const raw = clip?.getData('text/plain') ?? ''
    const isText = typed.value !== undefined
    if (clip === null || (isText && !/[\t\n]/.test(raw.trim()))) return
    event.preventDefault()
    if (isText) typed.value = undefined
    follow.current = true
    if (!paste(clip)) edit({ row, key }, raw.trim())
  }

  const first = Math.max(0, Math.floor(top.value / ROW_PX) - SPARE)
  const last = Math.min(count, first + SHOWN + 2 * SPARE)
  const drawn = Array.from({ length: last - first }, (_, at) => first + at)
  // The active row stays, or the focus would be lost by scrolling.
  if (row < count && !drawn.includes(row)) drawn.push(row)
  const widths = { gridTemplateColumns: [...columns, 'check'].map(width).join(' '), minWidth: `${[...columns, 'check'].map(least).reduce((a, b) => a + b, 0)}px` }
  const flagged = flags.get(rows[row] ?? {})
  const why = flagged && say('bill.why', { row: row + 1, text: flagged.messages.join(' ') })
  useSaid(why)
  return (
    <>
      <div
        ref={scroller}
        class="bill-grid"
        role="grid"
        data-testid="boq-grid"
        aria-labelledby="bill-title"
        aria-describedby="bill-hint bill-fault"
        aria-rowcount={count + 1}
        aria-colcount={columns.length + 1}
        aria-invalid={invalid}
        onScroll={(event) => (top.value = event.currentTarget.scrollTop)}
        onKeyDown={(event) => (typed.value === undefined ? walking(event) : editing(event))}
        onPaste={onPaste}
      >
        <div role="row" aria-rowindex={1} class="grid-row grid-head" style={widths}>
          {columns.map((column) => (
            <span key={column} role="columnheader" class={NUMBERS.has(column) ? 'right' : undefined}>
              {title(column)}
            </span>
          ))}
          <span role="columnheader">{say('bill.check')}</span>
        </div>
        <div role="rowgroup" class="grid-body" style={{ height: `${count * ROW_PX}px` }}>
          {drawn.map((index) => {
            const flag = flags.get(rows[index] ?? {})
            return (
              <div key={index} role="row" aria-rowindex={index + 2} class={flag ? 'grid-row flagged' : 'grid-row'} style={{ ...widths, transform: `translateY(${index * ROW_PX}px)` }}>
                {columns.map((column) => {
                  const isActive = index === row && column === key
                  const place = { row: index, key: column }
                  return isActive && typed.value !== undefined ? (
                    <span key={column} role="gridcell" class="editing">
                      <Editor typed={typed} name={`${title(column)}, ${say('check.row', { row: index + 1 })}`} commit={commit} />
                    </span>
                  ) : (
                    <span
                      key={column}
                      id={cellId(place)}
                      role="gridcell"
                      tabIndex={isActive ? 0 : -1}
                      aria-readonly={isFixed(rows[index], column)}
                      class={cellClass(column, flag?.keys.includes(column) === true)}
                      title={flag?.keys.includes(column) ? flag.messages[0] : undefined}
                      onFocus={() => {
                        if (!isActive) active.value = place
                      }}
                      onClick={() => {
                        active.value = place
                        if (!isFixed(rows[index], column)) typed.value = cellText(rows[index], column)
                      }}
                    >
                      {cellText(rows[index], column) || (column === 'no' && rows[index] ? <span class="muted">{index + 1}</span> : '')}
                    </span>
                  )
                })}
                <span role="gridcell" class="said-of-row">{flag?.messages[0]}</span>
              </div>
            )
          })}
        </div>
      </div>
      <p class="grid-why">{why}</p>
    </>
  )
}

/** The field of the cell that is edited; takes the focus, with the cursor at the end. */
function Editor({ typed, name, commit }: { typed: Signal<string | undefined>; name: string; commit: () => void }) {
  const field = useRef<HTMLInputElement>(null)
  useLayoutEffect(() => {
    field.current?.focus({ preventScroll: true })
    field.current?.setSelectionRange(field.current.value.length, field.current.value.length)
  }, [])
  return <input ref={field} aria-label={name} value={typed.value ?? ''} onInput={(event) => (typed.value = event.currentTarget.value)} onBlur={commit} />
}

function cellId({ row, key }: Place): string {
  return `cell-${row}-${key}`
}

function cellClass(column: string, flagged: boolean): string {
  return [NUMBERS.has(column) ? 'right' : '', flagged ? 'marked' : ''].filter(Boolean).join(' ')
}

function title(column: string): string {
  return column in TITLES ? say(TITLES[column as keyof typeof TITLES]) : label(column)
}

/** The least width of a column, in pixels; what is left goes to the words. */
function least(column: string): number {
  return LEAST[column] ?? 104
}

function width(column: string): string {
  const share = { item_name: 2, check: 1 }[column]
  return share === undefined ? `${least(column)}px` : `minmax(${least(column)}px, ${share}fr)`
}
