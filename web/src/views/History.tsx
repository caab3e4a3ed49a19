import { useEffect, useMemo, useRef } from 'preact/hooks'
import { useSignal } from '@preact/signals'
import type { Signal } from '@preact/signals'
import { at } from '../base'
import { timeOfDay } from '../format'
import { openHistory } from '../history'
import type { History as Opened } from '../history'
import { listPanels } from '../listing'
import type { Row } from '../listing'
import { announce, notice } from '../notice'
import { arrived, parameter, setParameters } from '../route'
import { learn, say } from '../words'
import { history as words } from '../words/history'
import { HistoryRow } from './HistoryRow'
import { useStretch } from './window'

learn(words)

const LIVE = 'queued,running,paused'
const TYPING_MS = 250

/** All runs, newest first; what is under way changes in place. */
export function History() {
  const heading = useRef<HTMLHeadingElement>(null)
  const filter = { status: parameter('status'), panel: parameter('panel'), q: parameter('q') }
  const opened = useMemo(() => openHistory(filter), [filter.status, filter.panel, filter.q])
  useEffect(() => opened.close, [opened])
  useEffect(() => {
    document.title = say('app.title', { page: say('history.title') })
    if (arrived.value) heading.current?.focus()
    arrived.value = false
  }, [])
  const filtered = filter.status !== '' || filter.panel !== '' || filter.q !== ''
  const rows = opened.rows.value
  return (
    <div class="history">
      <div class="history-head">
        <h1 ref={heading} tabIndex={-1}>
          {say('history.title')}
        </h1>
        <Filters />
      </div>
      <Stale history={opened} />
      {rows === undefined && <p class="muted">{say(opened.problem.value ? 'history.not_read' : 'page.loading')}</p>}
      {rows?.length === 0 && <Nothing filtered={filtered} />}
      {rows !== undefined && rows.length > 0 && <Table history={opened} />}
    </div>
  )
}

function Filters() {
  const panels = useSignal<readonly string[]>([])
  const typing = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  useEffect(() => {
    void listPanels().then((answer) => {
      if (answer.ok) panels.value = answer.value
    })
    return () => clearTimeout(typing.current)
  }, [])
  const type = (q: string) => {
    clearTimeout(typing.current)
    typing.current = setTimeout(() => setParameters({ q: q.trim() }), TYPING_MS)
  }
  return (
    <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
      <label>
        <span class="unseen">{say('history.search')}</span>
        <input
          type="search"
          data-testid="history-search"
          placeholder={say('history.search')}
          defaultValue={parameter('q')}
          onInput={(event) => type(event.currentTarget.value)}
        />
      </label>
      <label>
        <span class="unseen">{say('status.label')}</span>
        <select data-testid="history-status" value={parameter('status')} onChange={(event) => setParameters({ status: event.currentTarget.value })}>
          <option value="">{say('history.any_status')}</option>
          <option value={LIVE}>{say('history.under_way')}</option>
          <option value="completed">{say('status.completed')}</option>
          <option value="partial">{say('status.partial')}</option>
          <option value="failed">{say('status.failed')}</option>
          <option value="cancelled">{say('status.cancelled')}</option>
        </select>
      </label>
      <label>
        <span class="unseen">{say('history.panel')}</span>
        <select data-testid="history-panel" value={parameter('panel')} onChange={(event) => setParameters({ panel: event.currentTarget.value })}>
          <option value="">{say('history.any_panel')}</option>
          {panels.value.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
    </form>
  )
}

/** Says in the notice band that the list is old. */
function Stale({ history }: { history: Opened }) {
  const problem = history.problem.value
  const asOf = history.asOf.value
  useEffect(() => {
    if (problem === undefined) return
    const why = asOf === 0 ? problem.detail : say('history.stale', { time: timeOfDay(asOf), why: problem.detail })
    notice.value = { tone: 'warn', text: why, action: { label: say('conn.try'), run: () => void history.refresh() } }
    return () => {
      notice.value = undefined
    }
  }, [problem, asOf])
  return null
}

function Nothing({ filtered }: { filtered: boolean }) {
  if (filtered) {
    return (
      <p class="prose" data-testid="history-empty">
        <span>{say('history.no_match')}</span>
        <button type="button" onClick={() => setParameters({ status: '', panel: '', q: '' })}>
          {say('history.show_all')}
        </button>
      </p>
    )
  }
  return (
    <p class="prose" data-testid="history-empty">
      <span>{say('history.none')}</span>
      <a href={at('/#sample-strip')}>{say('history.first')}</a>
    </p>
  )
}

function Table({ history }: { history: Opened }) {
  const body = useRef<HTMLTableSectionElement>(null)
  const menu = useSignal('')
  const comparing = useSignal<Row | undefined>(undefined)
  const rows = history.rows.value ?? []
  const { from, to, above, below } = useStretch(body, rows.length)
  return (
    <>
      {comparing.value && <Choosing comparing={comparing} />}
      <table class={`runs${history.problem.value ? ' stale' : ''}`} aria-rowcount={history.more.value ? -1 : rows.length + 1}>
        <thead>
          <tr>
            <th scope="col">{say('status.label')}</th>
            <th scope="col">{say('history.run')}</th>
            <th scope="col">{say('history.panel')}</th>
            <th scope="col">{say('history.started')}</th>
            <th scope="col" class="right">{say('history.duration')}</th>
            <th scope="col" class="right">{say('history.queries')}</th>
            <th scope="col" class="right">{say('cost.label')}</th>
            <th scope="col">
              <span class="unseen">{say('history.menu')}</span>
            </th>
          </tr>
        </thead>
        <tbody ref={body}>
          {above > 0 && <tr class="room" aria-hidden="true" style={{ height: `${above}px` }} />}
          {rows.slice(from, to).map((row, index) => (
            <HistoryRow key={row.id} row={row} place={from + index + 2} history={history} menu={menu} comparing={comparing} />
          ))}
          {below > 0 && <tr class="room" aria-hidden="true" style={{ height: `${below}px` }} />}
        </tbody>
      </table>
      <p class="history-foot muted">
        <span>{say('history.shown', { n: rows.length })}</span>
        {history.more.value && (
          <button type="button" data-testid="history-more" onClick={() => void history.readMore()}>
            {say('history.more')}
          </button>
        )}
      </p>
    </>
  )
}

/** Asks for the run to compare with. */
function Choosing({ comparing }: { comparing: Signal<Row | undefined> }) {
  const leave = useRef<HTMLButtonElement>(null)
  const text = say('history.comparing', { title: comparing.value?.title || comparing.value?.id || '' })
  useEffect(() => {
    leave.current?.focus()
    announce(text)
  }, [text])
  return (
    <p class="history-comparing" data-testid="comparing">
      <span>{text}</span>
      <button type="button" class="quiet" ref={leave} onClick={() => (comparing.value = undefined)}>
        {say('history.compare_leave')}
      </button>
    </p>
  )
}
