import type { Sample } from '../samples'
import { say } from '../words'

/** The examples: each fills the form. */
export function Samples({ samples, pressed, choose }: { samples: readonly Sample[]; pressed: string; choose: (sample: Sample) => void }) {
  return (
    <div class="samples" role="group" aria-label={say('form.samples')}>
      <span class="muted" aria-hidden="true">{say('form.samples')}</span>
      {samples.map((sample) => (
        <button key={sample.id} type="button" id={`sample-${sample.id}`} aria-pressed={pressed === sample.title} onClick={() => choose(sample)}>
          {sample.title}
        </button>
      ))}
    </div>
  )
}
