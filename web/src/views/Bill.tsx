import { useSignal } from '@preact/signals'
import { useMemo, useRef } from 'preact/hooks'
import type { Flags } from '../flags'
import type { Form } from '../form'
import { number } from '../format'
import { announce } from '../notice'
import { readPasted } from '../paste'
import { MOST_ROWS, addRow, columnsOf, isBlankRow, putCells, removeRow, setCell } from '../rows'
import type { Place } from '../rows'
import type { JsonObject } from '../wire/json'
import { say } from '../words'
import { BillGrid } from './BillGrid'

const MOST_UNDONE = 50

/** What was done to the table last. */
interface Note {
  readonly text: string
  readonly warning?: string
  /** Whether nothing was done. */
  readonly refused?: boolean
}

/** The bill of quantities: a table to type and paste into, and what undoes it. */
export function Bill({ form, flags, from }: { form: Form; flags: Flags; from: string }) {
  const note = useSignal<Note | undefined>(undefined)
  const active = useSignal<Place>({ row: 0, key: 'item_name' })
  const past = useRef<(readonly JsonObject[])[]>([])
  const { rows } = form.draft.value
  const columns = useMemo(() => columnsOf(rows), [rows])
  const fault = form.faults.value.find(({ field }) => field === 'bill')?.text

  const change = (next: readonly JsonObject[], told?: Note) => {
    if (next === rows) return
    past.current = [...past.current.slice(1 - MOST_UNDONE), rows]
    note.value = told
    if (told) announce(told.text)
    form.change({ rows: next })
  }
  const undo = () => {
    const before = past.current.pop()
    note.value = undefined
    if (before === undefined) return
    announce(say('bill.undone'))
    form.change({ rows: before })
  }
  const paste = (raw: string): boolean => {
    const pasted = readPasted(raw)
    if (pasted === undefined) return false
    const { cells, headings, hashes } = pasted
    const isEmpty = rows.every(isBlankRow)
    const at = headings ? (isEmpty ? 0 : rows.length) : active.value.row
    if (at + cells.length > MOST_ROWS) {
      note.value = { text: say('bill.paste_too_many', { n: number(cells.length), limit: number(MOST_ROWS) }), refused: true }
      announce(note.value.text)
      return true
    }
    const warning = hashes > 0 ? say('bill.hashes', { n: number(hashes) }) : undefined
    const told = { text: say('bill.pasted', { n: number(cells.length) }), ...(warning ? { warning } : {}) }
    const onward = columns.slice(Math.max(0, columns.indexOf(active.value.key)))
    const wide = Math.max(...cells.map((line) => line.length))
    const keys = headings ?? [...onward, ...Array.from({ length: Math.max(0, wide - onward.length) }, (_, more) => say('bill.column', { n: columns.length + more + 1 }))]
    change(putCells(headings && isEmpty ? [] : rows, at, keys, cells), told)
    return true
  }
  const add = () => {
    const at = Math.min(active.value.row + 1, rows.length)
    change(addRow(rows, at), { text: say('bill.added', { row: at + 1 }) })
    form.goal.value = { row: at, key: 'item_name' }
  }
  const remove = () => {
    const { row } = active.value
    if (row >= rows.length) return
    change(removeRow(rows, row), { text: say('bill.removed', { row: row + 1 }) })
  }
  const clear = () => {
    change([], { text: say('bill.cleared', { n: number(rows.length) }) })
    form.goal.value = { row: 0, key: 'item_name' }
  }

  const filled = rows.filter((row) => !isBlankRow(row)).length
  return (
    <section class="along" aria-labelledby="bill-title">
      <h2 id="bill-title">
        {say('form.positions')} <span class="muted">{filled > 0 && from ? say('form.of_sample', { sample: from }) : say('form.optional')}</span>
      </h2>
      {filled > 0 && (
        <button type="button" class="quiet corner" aria-label={say('form.remove_positions')} onClick={clear}>
          {say('form.remove')}
        </button>
      )}
      <p class="hint" id="bill-hint">{say('bill.hint')}</p>
      <BillGrid
        rows={rows}
        columns={columns}
        flags={flags}
        active={active}
        goal={form.goal}
        invalid={fault !== undefined}
        edit={(place, typed) => change(setCell(rows, place, typed))}
        paste={paste}
        undo={undo}
      />
      <div class="bill-tools">
        <button type="button" onClick={add}>{say('bill.add')}</button>
        <button type="button" disabled={active.value.row >= rows.length} onClick={remove}>
          {say('bill.remove', { row: number(active.value.row + 1) })}
        </button>
        <span class="muted number" data-testid="boq-summary">{say('bill.count', { n: number(filled) })}</span>
        {note.value && (
          <span class="chip" data-testid="bill-note">
            {note.value.text}
            {!note.value.refused && past.current.length > 0 && (
              <button type="button" class="quiet" onClick={undo}>
                {say('form.undo')}
              </button>
            )}
          </span>
        )}
      </div>
      {note.value?.warning && <p class="warned" data-testid="bill-warning">{note.value.warning}</p>}
      <span class="fault" id="bill-fault">{fault}</span>
    </section>
  )
}
