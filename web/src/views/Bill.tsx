import { useSignal } from '@preact/signals'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import type { Flags } from '../flags'
import type { Form } from '../form'
import { number } from '../format'
import { announce } from '../notice'
import { MOST_ROWS, addRow, columnsOf, isBlankRow, putCells as withCells, removeRow, setCell } from '../rows'
import type { Place } from '../rows'
import { openTaking } from '../taking'
import type { Reading, Table } from '../taking'
import type { JsonObject } from '../wire/json'
import { learn, say } from '../words'
import { bill as words } from '../words/bill'
import { BillGrid } from './BillGrid'
import { BillSource, dropping } from './BillSource'
import { later } from './later'

learn(words)

const BillReading = later(() => import('./BillReading').then((part) => part.BillReading))

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
  const past = useRef<{ readonly rows: readonly JsonObject[]; readonly reading: Reading | undefined }[]>([])
  const { rows } = form.draft.value
  const columns = useMemo(() => columnsOf(rows), [rows])
  /** The rows as they were left here; others came from elsewhere. */
  const own = useRef(rows)
  const fault = form.faults.value.find(({ field }) => field === 'bill')?.text

  const change = (next: readonly JsonObject[], told?: Note) => {
    if (next === rows) return
    past.current = [...past.current.slice(1 - MOST_UNDONE), { rows, reading: taking.reading.value }]
    note.value = told
    if (told) announce(told.text)
    own.current = next
    form.change({ rows: next })
  }
  const putCells = (cells: readonly (readonly string[])[], warnings: readonly string[]) => {
    const at = active.value.row
    if (at + cells.length > MOST_ROWS) {
      note.value = { text: say('bill.paste_too_many', { n: number(cells.length), limit: number(MOST_ROWS) }), refused: true }
      announce(note.value.text)
      return
    }
    const onward = columns.slice(Math.max(0, columns.indexOf(active.value.key)))
    const wide = Math.max(...cells.map((line) => line.length))
    const keys = [...onward, ...Array.from({ length: Math.max(0, wide - onward.length) }, (_, more) => say('bill.column', { n: columns.length + more + 1 }))]
    change(withCells(rows, at, keys, cells), { text: say('boq.cells', { n: number(cells.length) }), ...(warnings.length > 0 ? { warning: warnings.join(' ') } : {}) })
  }
  // What comes back later is put into the table as it is then.
  const table = useRef<Table>({ rows: () => rows, putRows: () => undefined, putCells })
  table.current = {
    rows: () => form.draft.value.rows,
    putRows: (next, { source, preview }) => {
      const word = source.is === 'file' ? 'boq.taken' : 'boq.pasted'
      change(next, { text: say(word, { n: number(preview.positions.length) }) })
    },
    putCells,
  }
  const taking = useMemo(() => openTaking(() => table.current), [])
  useEffect(() => {
    if (rows === own.current) return
    // Another bill stands here now.
    own.current = rows
    taking.restore(undefined)
  }, [rows])
  const undo = () => {
    const before = past.current.pop()
    note.value = undefined
    if (before === undefined) return
    announce(say('bill.undone'))
    own.current = before.rows
    form.change({ rows: before.rows })
    taking.restore(before.reading)
  }
  const paste = (clip: DataTransfer): boolean => {
    const [file] = clip.files
    const raw = clip.getData('text/plain')
    // One cell is ordinary text.
    if (!/[\t\n]/.test(raw.trim())) {
      if (raw === '' && file) void taking.takeFile(file)
      return raw === '' && file !== undefined
    }
    void taking.take({ is: 'pasted', text: raw, html: clip.getData('text/html') })
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
    taking.restore(undefined)
    form.goal.value = { row: 0, key: 'item_name' }
  }

  const drop = dropping((files) => {
    const [file] = files
    if (file) void taking.takeFile(file)
    if (file && files.length > 1) note.value = { text: say('boq.one_file', { name: file.name }), refused: true }
  })
  const filled = rows.filter((row) => !isBlankRow(row)).length
  return (
    <section class="along" aria-labelledby="bill-title" {...drop}>
      <h2 id="bill-title">
        {say('form.positions')} <span class="muted">{filled > 0 && from && taking.reading.value === undefined ? say('form.of_sample', { sample: from }) : say('form.optional')}</span>
      </h2>
      {filled > 0 && (
        <button type="button" class="quiet corner" aria-label={say('form.remove_positions')} onClick={clear}>
          {say('form.remove')}
        </button>
      )}
      <BillSource taking={taking} />
      {taking.reading.value && <BillReading reading={taking.reading.value} taking={taking} />}
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
