import { useComputed, useSignal } from '@preact/signals'
import type { Signal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import { spanMs, ticks } from '../axis'
import type { Span } from '../axis'
import type { Followed } from '../follow'
import { duration } from '../format'
import { isClosed, isTerminal } from '../run'
import type { RunView } from '../run'
import { say } from '../words'
import { ChecksRow } from './ChecksRow'
import { Legend } from './Legend'
import { QueryRow } from './QueryRow'

interface Props {
  readonly run: RunView
  readonly followed: Followed
  readonly selected: Signal<string>
}

const SPANS = ['fit', 10, 30, 120] as const

/** A row per query on a shared time axis; a real table whose text says all that its bars say. */
export function Timeline({ run, followed, selected }: Props) {
  const choice = useSignal<Span>('auto')
  const ended = isTerminal(run)
  const live = useRef(!ended).current
  const span = useComputed(() => spanMs(choice.value, followed.elapsed.value, live))
  const length = span.value
  const stale = !ended && followed.link.value.state !== 'live'
  const done = run.queries.filter(isClosed).length

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape') selected.value = ''
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return
    const at = run.queries.findIndex((query) => `row-${query.id}` === document.activeElement?.id)
    const next = run.queries[at + (event.key === 'ArrowDown' ? 1 : -1)]
    if (at < 0 || next === undefined) return
    event.preventDefault()
    document.getElementById(`row-${next.id}`)?.focus()
  }

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
      <table onKeyDown={onKeyDown}>
        <caption class="unseen">{say('time.title')}</caption>
        <thead>
          <tr>
            <th scope="col">{say('time.query')}</th>
            <th scope="col">{say('time.state')}</th>
            <th scope="col" class="axis">
              <span class="unseen">{say('time.axis')}</span>
              <span class="track" aria-hidden="true">
                {ticks(length).map((tick) => (
                  <span key={tick} class={tick >= length * 0.97 ? 'tick last' : 'tick'} style={{ left: `${(tick / length) * 100}%` }}>
                    {say('time.seconds', { n: tick / 1000 })}
                  </span>
                ))}
                {run.limitMs !== undefined && run.limitMs < length * 0.97 && (
                  <span class="tick limit" style={{ left: `${(run.limitMs / length) * 100}%` }} title={say('time.limit_run', { time: duration(run.limitMs) })}>
                    {say('time.limit_word')}
                  </span>
                )}
              </span>
            </th>
          </tr>
        </thead>
        <tbody>
          {run.queries.map((query, index) => (
            <QueryRow
              key={query.id}
              query={query}
              index={index}
              run={run}
              elapsed={followed.elapsed}
              span={length}
              selected={selected}
              reachable={selected.value ? selected.value === query.id : index === 0}
            />
          ))}
          <ChecksRow run={run} span={length} />
        </tbody>
      </table>
    </section>
  )
}
