import { ticks } from '../axis'
import { duration } from '../format'
import { say } from '../words'

const SECOND_MS = 1000
/** A tick that is nearer than this to the limit has no room beside its word. */
const ROOM_FOR_WORD = 0.13

/** The ticks of a time axis of `length`, and the limit of the run where it lies within. */
export function Axis({ length, limit }: { length: number; limit: number | undefined }) {
  return (
    <span class="track" aria-hidden="true">
      {ticks(length)
        .filter((tick) => limit === undefined || Math.abs(tick - limit) > length * ROOM_FOR_WORD)
        .map((tick) => (
          <span key={tick} class={tick >= length * 0.97 ? 'tick last' : 'tick'} style={{ '--at': (tick / length) * 100 }}>
            {say('time.seconds', { n: tick / SECOND_MS })}
          </span>
        ))}
      {limit !== undefined && (
        <span class="tick limit" style={{ '--at': (limit / length) * 100 }} title={say('time.limit_run', { time: duration(limit) })}>
          {say('time.limit_word')}
        </span>
      )}
    </span>
  )
}
