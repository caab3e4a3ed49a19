import { useComputed, useSignal } from '@preact/signals'
import type { Signal } from '@preact/signals'
import { useMemo, useRef } from 'preact/hooks'
import { cancelQuery } from '../api'
import { spanMs } from '../axis'
import type { Span } from '../axis'
import type { Followed } from '../follow'
import { useNearby } from '../nearby'
import { assertive, notice } from '../notice'
import { isClosed, isTerminal, limitAt } from '../run'
import type { RunView } from '../run'
import { say } from '../words'
import { Axis } from './Axis'
import { ChecksRow } from './ChecksRow'
import { Legend } from './Legend'
import { QueryRow } from './QueryRow'
import { RunNotes } from './RunNotes'

interface Props {
  readonly run: RunView
  readonly followed: Followed
  readonly selected: Signal<string>
}

const SPANS = ['fit', 10, 30, 120] as const
const ROW_PX = 60
const SECOND_MS = 1000

/** A row per query on a shared time axis; a real table whose text says all that its bars say. */
export function Timeline({ run, followed, selected }: Props) {
  const choice = useSignal<Span>('auto')
  const pointed = useSignal('')
  // The one row that Tab reaches: where focus was last.
  const stop = useSignal('')
  const cancelling = useSignal<ReadonlySet<string>>(new Set())
  const body = useRef<HTMLTableSectionElement>(null)
  const ended = isTerminal(run)
  const live = useRef(!ended).current
  const span = useComputed(() => spanMs(choice.value, followed.elapsed.value, live))
  const length = span.value
  const stale = !ended && followed.link.value.state !== 'live'
  const done = run.queries.filter(isClosed).length
  const limit = limitAt(run, run.status === 'paused' ? Math.ceil(followed.elapsed.value / SECOND_MS) * SECOND_MS : 0)
  const [from, to] = useNearby(run.queries.length, ROW_PX, body)
  const needs = run.queries.find((query) => query.id === pointed.value)?.dependsOn ?? []

  const cancel = useMemo(
    () => async (id: string) => {
      const without = () => new Set([...cancelling.value].filter((one) => one !== id))
      cancelling.value = new Set([...cancelling.value, id])
      const answer = await cancelQuery(run.id, id)
      if (answer.ok) return
      cancelling.value = without()
      const text = say('run.order_failed', { why: answer.problem.detail })
      assertive.value = text
      notice.value = { tone: 'warn', text }
    },
    [run.id],
  )

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape' && !event.shiftKey) selected.value = ''
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return
    const at = run.queries.findIndex((query) => `row-${query.id}` === document.activeElement?.id)
    const next = run.queries[at + (event.key === 'ArrowDown' ? 1 : -1)]
    if (at < 0 || next === undefined) return
    event.preventDefault()
    document.getElementById(`row-${next.id}`)?.focus()
  }
  const point = (event: Event) => {
    const row = event.target instanceof Element ? event.target.closest<HTMLElement>('tr[data-query]') : null
    pointed.value = row?.dataset.query ?? ''
    if (row && event.type === 'focusin') stop.value = pointed.value
  }
  const reached = run.queries.some((query, index) => query.id === stop.value && index >= from && index < to) ? stop.value : run.queries[from]?.id

  return (
    <section class="timeline" data-stale={stale} aria-labelledby="timeline-title">
      <div class="bar-tools">
        <h2 id="timeline-title">{say('run.progress', { done, n: run.queries.length })}</h2>
        <Legend />
        <div class="spans" role="group" aria-label={say('time.span')}>
          {SPANS.map((option) => (
            <button key={option} type="button" aria-pressed={choice.value === option} onClick={() => (choice.value = option)}>
              {option === 'fit' ? say('time.fit') : say('time.seconds', { n: option })}
            </button>
          ))}
        </div>
      </div>
      <table onKeyDown={onKeyDown} onMouseOver={point} onMouseLeave={() => (pointed.value = '')} onFocusIn={point} aria-rowcount={run.queries.length + 1}>
        <caption class="unseen">{say('time.title')}</caption>
        <Head length={length} limit={limit} />
        <tbody ref={body}>
          <Room rows={from} />
          {run.queries.slice(from, to).map((query, index) => (
            <QueryRow
              key={query.id}
              query={query}
              index={from + index}
              run={run}
              elapsed={followed.elapsed}
              span={length}
              runLimit={limit}
              selected={selected}
              reachable={query.id === reached}
              needed={needs.includes(query.id)}
              cancelling={cancelling.value.has(query.id)}
              cancel={cancel}
            />
          ))}
          <Room rows={run.queries.length - to} />
          <ChecksRow run={run} span={length} />
        </tbody>
      </table>
      <RunNotes run={run} />
    </section>
  )
}

/** The place of rows that are not in the page. */
function Room({ rows }: { rows: number }) {
  if (rows <= 0) return null
  return (
    <tr class="room" aria-hidden="true">
      <td colSpan={4} style={{ height: `${rows * ROW_PX}px` }} />
    </tr>
  )
}

function Head({ length, limit }: { length: number; limit: number | undefined }) {
  const drawn = limit !== undefined && limit < length * 0.97 ? limit : undefined
  return useMemo(
    () => (
      <thead>
        <tr aria-rowindex={1}>
          <th scope="col">{say('time.query')}</th>
          <th scope="col">{say('time.state')}</th>
          <th scope="col" class="axis">
            <span class="unseen">{say('time.axis')}</span>
            <Axis length={length} limit={drawn} />
          </th>
          <th scope="col">
            <span class="unseen">{say('time.actions')}</span>
          </th>
        </tr>
      </thead>
    ),
    [length, drawn],
  )
}
