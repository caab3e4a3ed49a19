import { useSignal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { decidedOf } from '../decisions'
import type { Decided, Decisions } from '../decisions'
import { decimals, number } from '../format'
import { announce } from '../notice'
import { place } from '../place'
import { printing } from '../print'
import { positions } from '../report'
import type { Position } from '../report'
import type { RunView } from '../run'
import { count, text } from '../wire/json'
import { say } from '../words'
import { decisionText } from './Decide'
import { Grid } from './Grid'
import type { GridColumn } from './Grid'
import { Section } from './Section'
import { Severity } from './Severity'
import { CopyTable } from './Sheet'

const FEW = 20

/** The bill with its flags: which row, how grave, why. A long bill starts with its flagged rows only. */
export function Positions({ run, decisions }: { run: RunView; decisions: Decisions }) {
  const rows = useMemo(() => positions(run), [run.checks, run.input])
  const flagged = useMemo(() => rows.filter((row) => row.flags.length > 0), [rows])
  const decided = decisions.all.value
  const only = useSignal(rows.length > FEW && flagged.length > 0)
  const columns = useMemo(() => columnsOf(rows, decided), [rows, decided])
  const wished = place.value?.kind === 'row' ? Number(place.value.name) - 1 : -1
  const hidden = only.value && wished >= 0 && rows[wished]?.flags.length === 0
  useEffect(() => {
    if (hidden) only.value = false
  }, [hidden, place.value?.at])
  if (run.checks === undefined || rows.length === 0) return null
  const shown = only.value ? flagged : rows
  const filter = (on: boolean) => {
    only.value = on
    announce(say('report.rows_shown', { n: on ? flagged.length : rows.length }))
  }
  const copied = () => ({ head: columns.map((column) => column.title), rows: shown.map((row) => columns.map((column) => column.text(row))) })
  return (
    <Section title={say('report.positions')} testid="positions">
      <p class="positions-head">
        <span>{say('report.positions_count', { n: rows.length, flagged: flagged.length })}</span>
        <label>
          <input type="checkbox" data-testid="only-flagged" checked={only.value} onChange={(event) => filter(event.currentTarget.checked)} /> {say('report.only_flagged')}
        </label>
        {printing.value && shown.length < rows.length && <span class="muted">{say('print.only_flagged')}</span>}
      </p>
      <Grid title={say('report.positions')} testid="positions-table" columns={columns} rows={shown} nameOf={(row) => row.index + 1} isFlagged={isFlagged} wished={wished + 1} wishes={place.value?.at ?? 0} />
      <CopyTable title={say('report.positions')} table={copied} />
    </Section>
  )
}

function isFlagged(row: Position): boolean {
  return row.flags.length > 0
}

const NUMBERS = [
  { key: 'quantity', title: say('col.quantity') },
  { key: 'unit', title: say('col.unit') },
  { key: 'unit_price', title: say('col.unit_price') },
  { key: 'total_price', title: say('col.total') },
] as const

function columnsOf(rows: readonly Position[], decided: ReadonlyMap<string, Decided>): readonly GridColumn<Position>[] {
  const figures = NUMBERS.filter(({ key }) => key === 'quantity' || key === 'unit' || rows.some(({ row }) => row[key] !== undefined)).map(({ key, title }) => {
    const places = decimals(rows.map(({ row }) => count(row[key])))
    const shown = ({ row }: Position) => {
      const value = count(row[key])
      return value === undefined ? text(row[key]) : number(value, places)
    }
    return { title, class: key === 'unit' ? 'unit' : 'right', text: ({ row }: Position) => count(row[key]) ?? text(row[key]), show: shown }
  })
  return [
    { title: say('col.no'), class: 'right', text: ({ row, index }) => text(row.no) || index + 1 },
    { title: say('col.item'), class: 'item', text: ({ row }) => text(row.item_name) || text(row.description) },
    ...figures,
    { title: say('col.flag'), class: 'flag', text: ({ flags }) => flags[0]?.severity ?? say('report.no_flag'), show: ({ flags }) => flags[0] && <Severity value={flags[0].severity} /> },
    { title: say('col.why'), class: 'why', text: ({ flags }) => flags.map((flag) => `${flag.rule}: ${flag.message}`).join('; '), show: Why },
    ...(decided.size === 0 ? [] : [{ title: say('col.decision'), class: 'decided', text: ({ flags }: Position) => flags.flatMap((flag) => decisionText(decidedOf(decided, flag.id).decision) || []).join('; ') }]),
  ]
}

function Why({ flags }: Position) {
  return flags.map((flag, at) => (
    <span key={at} class="reason">
      <code>{flag.rule}</code> {flag.message}{' '}
    </span>
  ))
}
