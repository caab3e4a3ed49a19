import type { Phase } from '../run'
import { phaseWord } from '../sentences'
import { say } from '../words'

const SHOWN: readonly Phase[] = ['queued', 'paused', 'connecting', 'waiting', 'streaming', 'validating', 'backoff']

/** The marks of the bars with their words. */
export function Legend() {
  return (
    <ul class="legend" aria-label={say('time.legend')}>
      {SHOWN.map((phase) => (
        <li key={phase}>
          <span class="segment" data-phase={phase} aria-hidden="true" /> {phaseWord(phase)}
        </li>
      ))}
      <li>
        <span class="segment" data-phase="switched" aria-hidden="true" /> {say('phase.fallback')}
      </li>
    </ul>
  )
}
