import { CHOICES, LONGEST_NOTE, decidedOf } from '../decisions'
import type { Decisions } from '../decisions'
import { useSaid } from '../notice'
import type { Finding } from '../wire/event'
import type { Decision } from '../wire/snapshot'
import { named, say } from '../words'

/** What is to become of a finding: chosen here, kept with the run. */
export function Decide({ finding, decisions }: { finding: Finding; decisions: Decisions }) {
  const id = finding.id ?? ''
  const { decision, state, why } = decidedOf(decisions.all.value, id)
  const refused = state === 'refused' ? say('decision.refused', { why: why ?? '' }) : ''
  useSaid(refused, 'alarm')
  if (id === '') return null
  const choose = (word: string) => {
    const chosen = CHOICES.find((one) => one === word)
    void decisions.decide(id, chosen && { decision: chosen, ...(decision?.note ? { note: decision.note } : {}) })
  }
  const write = (to: Decision, note: string) => {
    if (note !== (to.note ?? '')) void decisions.decide(id, { decision: to.decision, note })
  }
  return (
    <div class="decide" data-testid="decision" data-finding={id} data-state={state}>
      <select aria-label={say('decision.of', { finding: id })} value={decision?.decision ?? ''} onChange={(event) => choose(event.currentTarget.value)}>
        <option value="">{say('decision.none')}</option>
        {CHOICES.map((word) => (
          <option key={word} value={word}>
            {named('decision', word, word)}
          </option>
        ))}
      </select>
      {decision && (
        <input
          aria-label={say('decision.note_of', { finding: id })}
          placeholder={say('decision.note')}
          maxLength={LONGEST_NOTE}
          // What was not kept is not shown as if it were.
          key={state === 'refused' ? 'kept' : 'own'}
          defaultValue={decision.note ?? ''}
          onChange={(event) => write(decision, event.currentTarget.value.trim())}
        />
      )}
      <span class="on-paper">{decisionText(decision)}</span>
      <span class={refused ? 'keeping fault' : 'keeping muted'}>{state === 'sending' ? say('decision.sending') : refused}</span>
    </div>
  )
}

/** A decision in words, as it is copied and printed. */
export function decisionText(decision: Decision | undefined): string {
  if (decision === undefined) return ''
  const word = named('decision', decision.decision, decision.decision)
  return decision.note ? say('decision.with_note', { word, note: decision.note }) : word
}
