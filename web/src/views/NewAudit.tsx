import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { createRun } from '../api'
import type { NewRun } from '../api'
import { EMPTY, loadDraft, saveDraft } from '../draft'
import type { Draft } from '../draft'
import { number } from '../format'
import { assertive, notice } from '../notice'
import { go } from '../route'
import { SAMPLES, STRIP } from '../samples'
import { remember } from '../snapshots'
import type { Problem } from '../wire/problem'
import { say } from '../words'
import { Destinations } from './Destinations'
import { ErrorSummary } from './ErrorSummary'
import { SentAlong } from './SentAlong'

const PANEL = 'audit'
const LONGEST = 20_000
const SAVE_MS = 1000

/** The form: a description, what an example sends along, and one button. */
export function NewAudit() {
  const draft = useSignal<Draft>(EMPTY)
  const problem = useSignal<Problem | undefined>(undefined)
  const fault = useSignal('')
  const busy = useSignal(false)
  const field = useRef<HTMLTextAreaElement>(null)
  const heading = useRef<HTMLHeadingElement>(null)

  useEffect(() => {
    document.title = say('app.title', { page: say('form.title') })
    const kept = loadDraft()
    if (kept) {
      draft.value = kept
      const discard = () => {
        draft.value = EMPTY
        saveDraft(EMPTY)
        notice.value = undefined
        field.current?.focus()
      }
      notice.value = { tone: 'plain', text: say('form.draft'), action: { label: say('form.discard'), run: discard } }
    }
    return () => {
      notice.value = undefined
    }
  }, [])

  const shown = draft.value
  useEffect(() => {
    const timer = setTimeout(() => saveDraft(shown), SAVE_MS)
    return () => clearTimeout(timer)
  }, [shown])

  const change = (next: Draft) => {
    draft.value = next
    if (fault.value) fault.value = faultOf(next.question)
  }

  const start = async (run: NewRun) => {
    if (busy.value) return
    busy.value = true
    problem.value = undefined
    const answer = await createRun(run)
    busy.value = false
    if (answer.ok) {
      remember(answer.value)
      go(`/runs/${answer.value.run_id}`)
    } else {
      problem.value = answer.problem
      assertive.value = answer.problem.detail
    }
  }

  const submit = () => {
    saveDraft(shown)
    fault.value = faultOf(shown.question)
    if (fault.value) {
      problem.value = undefined
      assertive.value = fault.value
    } else void start({ panel: PANEL, question: shown.question, input: shown.input })
  }

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault()
      submit()
    }
  }

  const length = [...shown.question].length
  return (
    <form
      class="ask"
      data-testid="ask-form"
      noValidate
      onKeyDown={onKeyDown}
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      <h1 ref={heading} tabIndex={-1}>{say('form.title')}</h1>
      <p class="lead">{say('form.lead')}</p>
      {(fault.value || problem.value) && <ErrorSummary fault={fault.value} problem={problem.value} />}
      <div class="samples" role="group" aria-label={say('form.samples')}>
        <span class="muted" aria-hidden="true">{say('form.samples')}</span>
        {SAMPLES.map((sample) => (
          <button
            key={sample.id}
            type="button"
            id={`sample-${sample.id}`}
            aria-pressed={shown.sample === sample.title}
            onClick={() => change({ question: sample.question, input: sample.input, sample: sample.title })}
          >
            {sample.title}
          </button>
        ))}
      </div>
      <div class="field">
        <label for="question">
          {say('form.question')} <span class="muted">({say('form.required')})</span>
        </label>
        <span class="counter number" id="question-counter">
          {say('form.counter', { n: number(length), limit: number(LONGEST) })}
        </span>
        <textarea
          id="question"
          ref={field}
          data-testid="question"
          rows={6}
          required
          aria-invalid={fault.value !== ''}
          aria-describedby="question-hint question-fault question-counter"
          value={shown.question}
          onInput={(event) => change({ ...shown, question: event.currentTarget.value })}
        />
        <span class="hint" id="question-hint">{say('form.question_hint')}</span>
        <span class="fault" id="question-fault">{fault.value}</span>
      </div>
      <SentAlong draft={shown} change={change} />
      <div class="actions">
        <button type="submit" class="primary" data-testid="run-button" disabled={busy.value}>
          {busy.value ? say('form.running') : say('form.run')} <kbd>{say('form.run_key')}</kbd>
        </button>
        <Destinations rows={shown.input.positions?.length ?? 0} />
      </div>
      <div class="actions second">
        <button
          type="button"
          data-testid="simulate-button"
          disabled={busy.value}
          onClick={() => start({ panel: PANEL, question: STRIP.question, input: STRIP.input, simulated: true })}
        >
          {say('form.simulate')}
        </button>
        <span class="muted">{say('form.simulate_hint')}</span>
      </div>
    </form>
  )
}

function faultOf(question: string): string {
  const length = [...question].length
  if (question.trim() === '') return say('form.empty')
  return length > LONGEST ? say('form.too_long', { n: number(length), limit: number(LONGEST) }) : ''
}
