import type { Draft } from '../draft'
import { say } from '../words'
import { BillTable } from './BillTable'
import { Value } from './Value'

/** What goes along with the description: an example's rows and specifications, each removable. */
export function SentAlong({ draft, change }: { draft: Draft; change: (next: Draft) => void }) {
  const { positions, specifications } = draft.input
  if (!positions && !specifications) return <p class="muted sent-none">{say('form.no_input')}</p>
  const from = draft.sample && <span class="muted"> {say('form.of_sample', { sample: draft.sample })}</span>
  return (
    <div class="sent">
      {positions && (
        <section aria-labelledby="sent-positions">
          <h2 id="sent-positions">
            {say('form.positions')}
            {from}
          </h2>
          <button
            type="button"
            class="quiet"
            aria-label={say('form.remove_positions')}
            onClick={() => change({ ...draft, input: specifications ? { specifications } : {} })}
          >
            {say('form.remove')}
          </button>
          <BillTable positions={positions} />
        </section>
      )}
      {specifications && (
        <section aria-labelledby="sent-specifications">
          <h2 id="sent-specifications">
            {say('form.specifications')}
            {from}
          </h2>
          <button
            type="button"
            class="quiet"
            aria-label={say('form.remove_specifications')}
            onClick={() => change({ ...draft, input: positions ? { positions } : {} })}
          >
            {say('form.remove')}
          </button>
          <Value value={specifications} />
        </section>
      )}
    </div>
  )
}
