import { useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import { number } from '../format'
import { elapsedOf, items, queryOf } from '../frames'
import type { FrameFilter, Item } from '../frames'
import { saveJournal } from '../journal'
import { seqOf } from '../bookmark'
import type { RunView } from '../run'
import { MOST_LINES } from '../tape'
import type { Line, Mark, Tape } from '../tape'
import { learn, say } from '../words'
import { events } from '../words/events'
import { FrameDetail } from './FrameDetail'
import { useStretch } from './window'

learn(events)

const LOOK_EVERY_MS = 250
const NEAR_END_PX = 24
const UPWARDS = new Set(['PageUp', 'Home', 'ArrowUp'])

/** What came to this page for the run, frame by frame. */
export function Events({ tape, run }: { tape: Tape; run: RunView }) {
  const filter = useSignal<FrameFilter>({ event: '', query: '', words: '', deltas: false })
  const seen = useSignal(tape.version)
  const now = useSignal(performance.now())
  const paused = useSignal(false)
  const chosen = useSignal<Line | undefined>(undefined)
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.hidden) return
      now.value = performance.now()
      if (!paused.value) seen.value = tape.version
    }, LOOK_EVERY_MS)
    return () => clearInterval(timer)
  }, [tape])
  const lines = useMemo(() => tape.lines(), [tape, seen.value])
  const shown = useMemo(() => items(lines, filter.value), [lines, filter.value])
  const pause = () => {
    paused.value = !paused.value
    if (!paused.value) seen.value = tape.version
  }
  const behind = tape.version - seen.value
  return (
    <section class="part events" aria-label={say('events.title')}>
      <Filters run={run} lines={lines} filter={filter.value} change={(next) => (filter.value = next)} />
      <p class="events-counts muted" data-testid="events-counts" data-frames={tape.frames} data-mark={tape.lastMark}>
        <span>{say('events.frames', { n: number(tape.frames) })}</span>
        <span>{say('events.bytes', { kb: number(tape.bytes / 1000, 1) })}</span>
        <span>{say('events.last', { id: seqOf(tape.lastId) })}</span>
        {tape.heardAt !== undefined && run.final === undefined && (
          <span>{say('events.heard', { n: Math.max(0, Math.floor((now.value - tape.heardAt) / 1000)) })}</span>
        )}
        {tape.dropped > 0 && <span>{say('events.dropped', { n: number(tape.dropped), most: number(MOST_LINES) })}</span>}
        <span class="events-tools">
          <button type="button" class="quiet" aria-pressed={paused.value} onClick={pause}>
            {paused.value ? say('events.resume', { n: behind }) : say('events.pause')}
          </button>
          <button type="button" class="quiet" data-testid="events-save" onClick={() => void saveJournal(run.id)}>
            {say('events.save')}
          </button>
        </span>
      </p>
      <List shown={shown} chosen={chosen.value} choose={(line) => (chosen.value = line)} unfold={() => (filter.value = { ...filter.value, deltas: true })} />
      {chosen.value?.frame && <FrameDetail frame={chosen.value.frame} run={run} />}
      <Headers tape={tape} />
    </section>
  )
}

interface FiltersProps {
  readonly run: RunView
  readonly lines: readonly Line[]
  readonly filter: FrameFilter
  readonly change: (next: FrameFilter) => void
}

function Filters({ run, lines, filter, change }: FiltersProps) {
  const names = useMemo(() => [...new Set(lines.flatMap((line) => (line.frame ? [line.frame.event] : [])))].sort(), [lines])
  return (
    <form class="filters" onSubmit={(event) => event.preventDefault()}>
      <label>
        <span class="unseen">{say('events.event')}</span>
        <select data-testid="events-type" value={filter.event} onChange={(event) => change({ ...filter, event: event.currentTarget.value })}>
          <option value="">{say('events.any_event')}</option>
          {names.map((name) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span class="unseen">{say('events.query')}</span>
        <select data-testid="events-query" value={filter.query} onChange={(event) => change({ ...filter, query: event.currentTarget.value })}>
          <option value="">{say('events.any_query')}</option>
          {run.queries.map((query) => (
            <option key={query.id} value={query.id}>
              {query.title}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span class="unseen">{say('events.words')}</span>
        <input type="search" placeholder={say('events.words')} onInput={(event) => change({ ...filter, words: event.currentTarget.value })} />
      </label>
      <label class="tickbox">
        <input type="checkbox" data-testid="events-deltas" checked={filter.deltas} onChange={(event) => change({ ...filter, deltas: event.currentTarget.checked })} />
        {say('events.deltas')}
      </label>
    </form>
  )
}

interface ListProps {
  readonly shown: readonly Item[]
  readonly chosen: Line | undefined
  readonly choose: (line: Line) => void
  readonly unfold: () => void
}

/** The frames, in a box of its own that follows its end only while the reader is there. */
function List({ shown, chosen, choose, unfold }: ListProps) {
  const box = useRef<HTMLDivElement>(null)
  const list = useRef<HTMLTableSectionElement>(null)
  const following = useRef(true)
  const release = () => (following.current = false)
  const { from, to, above, below } = useStretch(list, shown.length, box)
  useLayoutEffect(() => {
    if (box.current && following.current) box.current.scrollTop = box.current.scrollHeight
  })
  const onScroll = () => {
    const element = box.current
    if (element && element.scrollHeight - element.scrollTop - element.clientHeight <= NEAR_END_PX) following.current = true
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (UPWARDS.has(event.key)) release()
  }
  if (shown.length === 0) return <p class="muted">{say('events.none')}</p>
  return (
    <div
      class="frames"
      ref={box}
      onScroll={onScroll}
      onWheel={(event) => event.deltaY < 0 && release()}
      onTouchMove={release}
      onPointerDown={release}
      onKeyDown={onKeyDown}
      data-testid="events-list"
      tabIndex={0}
      role="region"
      aria-label={say('events.title')}
    >
      <table aria-rowcount={shown.length + 1}>
        <thead>
          <tr>
            <th scope="col" class="right">{say('events.id')}</th>
            <th scope="col" class="right">{say('events.ms')}</th>
            <th scope="col">{say('events.event')}</th>
            <th scope="col">{say('events.query')}</th>
            <th scope="col">{say('events.data')}</th>
          </tr>
        </thead>
        <tbody ref={list}>
          {above > 0 && <tr aria-hidden="true" style={{ height: `${above}px` }} />}
          {shown.slice(from, to).map((item, index) =>
            item.kind === 'folded' ? (
              <tr key={`f${item.first.number}`} class="folded" aria-rowindex={from + index + 2}>
                <td colSpan={2} />
                <td colSpan={3}>
                  <button type="button" class="quiet" onClick={unfold}>
                    {say('events.folded', { n: item.count })}
                  </button>
                </td>
              </tr>
            ) : item.line.mark ? (
              <tr key={item.line.number} class="mark-line" data-mark={item.line.mark} aria-rowindex={from + index + 2}>
                <td colSpan={2} />
                <td colSpan={3}>{markWord(item.line.mark)}</td>
              </tr>
            ) : (
              <FrameRow key={item.line.number} line={item.line} place={from + index + 2} chosen={chosen?.number === item.line.number} choose={choose} />
            ),
          )}
          {below > 0 && <tr aria-hidden="true" style={{ height: `${below}px` }} />}
        </tbody>
      </table>
    </div>
  )
}

function FrameRow({ line, place, chosen, choose }: { line: Line; place: number; chosen: boolean; choose: (line: Line) => void }) {
  const { frame } = line
  if (frame === undefined) return null
  const elapsed = elapsedOf(frame)
  const numbered = elapsed !== undefined
  return (
    <tr data-testid="frame-row" data-event={frame.event} data-via={frame.via} data-seq={numbered ? seqOf(frame.id) : undefined} class={chosen ? 'chosen' : ''} aria-rowindex={place} onClick={() => choose(line)}>
      <td class="right number">{numbered ? seqOf(frame.id) : ''}</td>
      <td class="right number">{numbered ? number(elapsed) : ''}</td>
      <td>
        <button type="button" class="frame-name" aria-pressed={chosen} onClick={() => choose(line)}>
          {frame.event}
        </button>
      </td>
      <td>{queryOf(frame)}</td>
      <td class="data">{frame.data.slice(0, 300)}</td>
    </tr>
  )
}

function markWord(mark: Mark): string {
  const words = {
    connecting: say('events.mark_connecting'),
    live: say('events.mark_live'),
    reconnecting: say('events.mark_lost'),
    offline: say('events.mark_offline'),
    ended: say('events.mark_ended'),
    shared: say('events.mark_shared'),
    paged: say('events.mark_paged'),
  }
  return words[mark]
}

function Headers({ tape }: { tape: Tape }) {
  return (
    <details class="headers">
      <summary>{say('events.headers')}</summary>
      {tape.headers.length === 0 ? <p class="muted">{say('events.no_headers')}</p> : <pre tabIndex={0}>{tape.headers.map(([name, value]) => `${name}: ${value}`).join('\n')}</pre>}
    </details>
  )
}
