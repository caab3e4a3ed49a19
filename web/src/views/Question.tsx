import { useRef } from 'preact/hooks'
import type { RefObject } from 'preact'
import { LONGEST, isAudit, questionFault } from '../form'
import type { Form } from '../form'
import { number } from '../format'
import { say } from '../words'

const HEADINGS = ['form.head_location', 'form.head_loads', 'form.head_exposure', 'form.head_concrete', 'form.head_reinforcement', 'form.head_programme'] as const

/** The description, with headings that say what belongs into it. */
export function Question({ form, field }: { form: Form; field: RefObject<HTMLTextAreaElement | null> }) {
  const touched = useRef(false)
  const { question } = form.draft.value
  const audit = isAudit(form)
  const fault = form.faults.value.find((one) => one.field === 'question')?.text ?? ''
  const blur = () => {
    const text = questionFault(question)
    const others = form.faults.value.filter((one) => one.field !== 'question')
    // Who only passes by is not told off.
    if (touched.current && text !== '' && fault === '') form.faults.value = [{ field: 'question', text }, ...others]
  }
  const insert = (heading: string) => {
    const area = field.current
    if (area === null) return
    area.focus()
    const { value } = area
    area.setSelectionRange(value.length, value.length)
    const text = `${value === '' || value.endsWith('\n') ? '' : '\n'}${heading}: `
    // The browser's own way of typing keeps its own undo.
    if (document.execCommand('insertText', false, text)) return
    area.setRangeText(text, value.length, value.length, 'end')
    form.change({ question: area.value })
  }
  return (
    <div class="field">
      <label for="question">
        {say(audit ? 'form.question' : 'form.plain_question')} <span class="muted">({say('form.required')})</span>
      </label>
      <span class="counter number" id="question-counter">
        {say('form.counter', { n: number([...question].length), limit: number(LONGEST) })}
      </span>
      <textarea
        id="question"
        ref={field}
        data-testid="question"
        rows={6}
        required
        aria-invalid={fault !== ''}
        aria-describedby="question-hint question-fault question-counter"
        value={question}
        onInput={(event) => {
          touched.current = true
          form.change({ question: event.currentTarget.value })
        }}
        onBlur={blur}
      />
      <span class="hint" id="question-hint">{say(audit ? 'form.question_hint' : 'form.plain_hint')}</span>
      {audit && (
        <div class="headings" role="group" aria-label={say('form.headings')}>
          <span class="muted" aria-hidden="true">{say('form.headings')}</span>
          {HEADINGS.map((key) => (
            <button key={key} type="button" class="quiet" onClick={() => insert(say(key))}>
              {say(key)}
            </button>
          ))}
        </div>
      )}
      <span class="fault" id="question-fault">{fault}</span>
    </div>
  )
}
