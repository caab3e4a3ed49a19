import type { ReadonlySignal } from '@preact/signals'
import { duration } from '../format'
import type { Phase, QueryView } from '../run'
import { say } from '../words'
import { Mark } from './Mark'
import type { Shape } from './Mark'
import { Track } from './Track'

interface Props {
  readonly query: QueryView
  readonly elapsed: ReadonlySignal<number>
  readonly span: number
  readonly runLimit: number | undefined
}

const CAP: Partial<Record<Phase, Shape>> = { done: 'tick', failed: 'cross', cancelled: 'bar', skipped: 'dash' }

/** The phases of a query as stretches of time; hidden from screen readers, the row says it in words. */
export function Bar({ query, elapsed, span, runLimit }: Props) {
  const open = query.segments.some((segment) => segment.to === undefined)
  // Only a bar that still grows follows the clock.
  const now = open ? elapsed.value : 0
  const at = (ms: number) => (ms / span) * 100
  const limit = query.startedMs === undefined ? undefined : query.startedMs + query.timeoutMs
  const cap = CAP[query.phase]
  const end = query.segments.at(-1)?.to ?? query.attempts.at(-1)?.to ?? 0
  return (
    <Track span={span}>
      {query.segments.map((segment, index) => {
        const to = Math.max(segment.from, segment.to ?? now)
        const length = to - segment.from
        return (
          <span
            key={index}
            class={segment.switched ? 'segment switched' : 'segment'}
            data-phase={segment.phase}
            style={{ '--at': at(segment.from), '--long': at(length) }}
          >
            {segment.phase === 'backoff' && <i>{duration(length)}</i>}
          </span>
        )
      })}
      {cap && (
        <span class="cap" data-phase={query.phase} style={{ '--at': at(end) }}>
          <Mark shape={cap} />
        </span>
      )}
      {limit !== undefined && limit <= span && (
        <span class="limit" style={{ '--at': at(limit) }} title={say('time.limit_query', { time: duration(query.timeoutMs) })} />
      )}
      {runLimit !== undefined && runLimit <= span && <span class="limit run-limit" style={{ '--at': at(runLimit) }} />}
    </Track>
  )
}
