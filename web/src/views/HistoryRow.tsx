import type { Signal } from '@preact/signals'
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { exportPath } from '../api'
import { at } from '../base'
import { duration, moment, price, shortId } from '../format'
import type { History } from '../history'
import { isLive, rename } from '../listing'
import type { Row } from '../listing'
import { announce, useSaid } from '../notice'
import { retry } from '../retrying'
import { statusWord } from '../sentences'
import type { RunStatus } from '../wire/event'
import { say } from '../words'
import { Mark } from './Mark'
import type { Shape } from './Mark'
import { useMenu } from './menu'

const SHAPE: Partial<Record<RunStatus, Shape>> = { completed: 'tick', partial: 'alert', failed: 'cross', cancelled: 'bar' }
const SECOND_MS = 1000

interface Props {
  readonly row: Row
  /** Its place in the table, counted with the heading. */
  readonly place: number
  readonly history: History
  /** The run whose menu is open. */
  readonly menu: Signal<string>
  /** The run that is to be compared with another one. */
  readonly comparing: Signal<Row | undefined>
}

/** One run of the history, and what can be done with it. */
export function HistoryRow({ row, place, history, menu, comparing }: Props) {
  const renaming = useSignal(false)
  const trouble = useSignal('')
  useSaid(trouble.value, 'alarm')
  const goes = history.leaving.value.get(row.id)
  const title = row.title || say('run.title', { id: shortId(row.id) })
  const shape = SHAPE[row.status]
  if (goes !== undefined) return <Leaving title={title} place={place} at={goes} keep={() => history.keep(row.id)} />
  return (
    <tr data-testid="history-row" data-run={row.id} data-status={row.status} aria-rowindex={place}>
      <td class="status" data-status={row.status}>
        {shape && <Mark shape={shape} />} {statusWord(row.status)}
      </td>
      <td class="title">
        {renaming.value ? (
          <Rename row={row} history={history} done={() => (renaming.value = false)} trouble={trouble} />
        ) : (
          <>
            {row.simulated && (
              <span class="badge sample-band" title={say('run.simulated')}>
                {say('history.simulated')}
              </span>
            )}
            <a href={at(`/runs/${row.id}`)} title={title}>
              {title}
            </a>
          </>
        )}
        {trouble.value && (
          <span class="fault">{trouble.value}</span>
        )}
      </td>
      <td data-label={say('history.panel')}>{row.panel}</td>
      <td class="number">{moment(row.createdAt)}</td>
      <td class="right number" data-label={say('history.duration')}>
        {row.totalMs === undefined ? '' : duration(row.totalMs)}
      </td>
      <td class="right number" data-label={say('history.queries')}>
        {row.executed === undefined ? '' : say('history.ok_of', { ok: row.successful ?? 0, all: row.executed })}
      </td>
      <td class="right number" data-label={say('cost.label')}>
        {isLive(row) ? '' : row.cost ? price(row.cost, row.simulated ? 'scripted' : undefined) : ''}
      </td>
      <td class="menu-cell">
        {comparing.value && !isLive(row) ? (
          <Other row={row} title={title} comparing={comparing} />
        ) : (
          <Menu row={row} title={title} menu={menu} comparing={comparing} history={history} rename={() => (renaming.value = true)} trouble={trouble} />
        )}
      </td>
    </tr>
  )
}

function Leaving({ title, place, at: due, keep }: { title: string; place: number; at: number; keep: () => void }) {
  const left = useSignal(Math.ceil((due - Date.now()) / SECOND_MS))
  const undo = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    undo.current?.focus()
    announce(say('history.leaving', { title }))
    const timer = setInterval(() => (left.value = Math.max(0, Math.ceil((due - Date.now()) / SECOND_MS))), SECOND_MS / 2)
    return () => clearInterval(timer)
  }, [due])
  return (
    <tr class="leaving" data-testid="history-leaving" aria-rowindex={place}>
      <td colSpan={8}>
        <span class="leaving-line">
          <span>{say('history.leaving', { title })}</span>
          <button type="button" class="quiet" ref={undo} onClick={keep}>
            {say('history.undo', { n: left.value })}
          </button>
        </span>
      </td>
    </tr>
  )
}

function Rename({ row, history, done, trouble }: { row: Row; history: History; done: () => void; trouble: Signal<string> }) {
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => field.current?.select(), [])
  const save = async (event: Event) => {
    event.preventDefault()
    const answer = await rename(row.id, field.current?.value ?? '')
    trouble.value = answer.ok ? '' : say('history.not_renamed', { why: answer.problem.detail })
    if (!answer.ok) return
    await history.refresh()
    done()
  }
  return (
    <form class="rename" onSubmit={(event) => void save(event)}>
      <input
        ref={field}
        maxLength={200}
        defaultValue={row.title}
        aria-label={say('history.new_title')}
        data-testid="history-title"
        onKeyDown={(event) => {
          if (event.key === 'Escape') done()
        }}
      />
      <button type="submit">{say('history.save')}</button>
      <button type="button" class="quiet" onClick={done}>
        {say('history.leave_title')}
      </button>
    </form>
  )
}

/** The link that sets this run beside the one that was chosen; the older one comes first. */
function Other({ row, title, comparing }: { row: Row; title: string; comparing: Signal<Row | undefined> }) {
  const first = comparing.value
  if (first === undefined || first.id === row.id) return <span class="muted">{say('history.chosen')}</span>
  const [a, b] = first.id < row.id ? [first.id, row.id] : [row.id, first.id]
  return (
    <a href={at(`/runs/compare?a=${a}&b=${b}`)} data-testid="compare-with" aria-label={say('history.compare_with', { title })}>
      {say('history.compare_this')}
    </a>
  )
}

interface MenuProps {
  readonly row: Row
  readonly title: string
  readonly menu: Signal<string>
  readonly comparing: Signal<Row | undefined>
  readonly history: History
  readonly rename: () => void
  readonly trouble: Signal<string>
}

function Menu({ row, title, menu, comparing, history, rename: begin, trouble }: MenuProps) {
  const open = menu.value === row.id
  const close = () => {
    menu.value = ''
  }
  const { button, items, onKeyDown } = useMenu(open, close)
  const again = async () => {
    close()
    const why = await retry(row.id)
    if (why !== '') trouble.value = say('history.not_retried', { why })
  }
  return (
    <div class="row-menu" onKeyDown={onKeyDown}>
      <button
        type="button"
        class="quiet icon"
        ref={button}
        data-testid="history-menu"
        aria-expanded={open}
        aria-label={say('history.menu_of', { title })}
        onClick={() => (menu.value = open ? '' : row.id)}
      >
        <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
          <path d="M3 8h.01M8 8h.01M13 8h.01" stroke="currentColor" stroke-width="2.4" stroke-linecap="round" />
        </svg>
      </button>
      {open && (
        <div class="row-items" ref={items}>
          <a href={at(`/runs/${row.id}`)}>{say('history.open')}</a>
          <button
            type="button"
            onClick={() => {
              close()
              begin()
            }}
          >
            {say('history.rename')}
          </button>
          <a href={at(`/?from=${row.id}`)}>{say('history.duplicate')}</a>
          {(row.status === 'partial' || row.status === 'failed' || row.status === 'cancelled') && (
            <button type="button" onClick={() => void again()}>
              {say('history.retry')}
            </button>
          )}
          {!isLive(row) && (
            <button
              type="button"
              onClick={() => {
                close()
                comparing.value = row
              }}
            >
              {say('history.compare')}
            </button>
          )}
          {!isLive(row) && (
            <a href={exportPath(row.id, 'format=xlsx')} download onClick={close}>
              {say('history.export')}
            </a>
          )}
          {!isLive(row) && (
            <button
              type="button"
              onClick={() => {
                close()
                history.remove(row.id)
              }}
            >
              {say('history.delete')}
            </button>
          )}
        </div>
      )}
    </div>
  )
}
