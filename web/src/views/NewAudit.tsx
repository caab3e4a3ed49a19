import { useSignal } from '@preact/signals'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { draftOf, isBlank } from '../draft'
import { chosenMode, chosenPanel, isAudit, openForm } from '../form'
import type { Form } from '../form'
import { useDraft } from '../keeping'
import { notice } from '../notice'
import { lost, lostAt } from '../reach'
import { SAMPLES } from '../samples'
import type { Sample } from '../samples'
import { say } from '../words'
import { PanelSelect } from './PanelSelect'
import { Question } from './Question'
import { Samples } from './Samples'

/** What is not needed at first view. */
type Later = typeof import('./SentAlong')

const AGAIN_MS = 2_000

let coming: Promise<Later> | undefined
const later = (): Promise<Later> =>
  (coming ??= import('./SentAlong').catch((why: unknown) => {
    coming = undefined
    lost()
    throw why
  }))

/** The form: a description, what goes along with it, where it goes, and one button. */
export function NewAudit() {
  const form = useMemo(openForm, [])
  const kept = useDraft(form)
  const more = useSignal<Later | undefined>(undefined)
  const field = useRef<HTMLTextAreaElement>(null)
  const draft = form.draft.value
  const off = form.busy.value || lostAt.value !== undefined

  useEffect(() => {
    document.title = say('app.title', { page: say('form.title') })
    let timer: ReturnType<typeof setTimeout> | undefined
    const load = () => {
      void later().then(
        (loaded) => (more.value = loaded),
        () => (timer = setTimeout(load, AGAIN_MS)),
      )
    }
    load()
    return () => clearTimeout(timer)
  }, [])

  const act = (does: 'submit' | 'simulate') => {
    if (!form.busy.value) void later().then((loaded) => loaded[does](form, kept), () => undefined)
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter') return
    const isRun = event.ctrlKey || event.metaKey
    if (isRun) act('submit')
    // Enter in a line of text ends the line, not the form.
    if (isRun || event.target instanceof HTMLInputElement) event.preventDefault()
  }
  const choose = (sample: Sample) => {
    form.change({ ...draftOf(sample.question, { ...sample.input }, sample.title, draft.panel), choices: draft.choices })
    form.faults.value = []
    if (isBlank(draft)) return
    const undo = () => {
      form.draft.value = draft
      notice.value = undefined
    }
    notice.value = { tone: 'plain', text: say('form.replaced'), action: { label: say('form.undo'), run: undo } }
  }

  const { SentAlong, Destinations, ErrorSummary } = more.value ?? {}
  const audit = isAudit(form)
  return (
    <form
      class="ask"
      data-testid="ask-form"
      noValidate
      onKeyDown={onKeyDown}
      onSubmit={(event) => {
        event.preventDefault()
        act('submit')
      }}
    >
      <h1 tabIndex={-1}>{say('form.title')}</h1>
      <p class="lead">{audit ? say('form.lead') : lead(form)}</p>
      {ErrorSummary && form.tries.value > 0 && <ErrorSummary form={form} />}
      <div class="form-head">
        <PanelSelect form={form} />
        {audit && <Samples samples={SAMPLES} pressed={draft.sample} choose={choose} />}
      </div>
      <Question form={form} field={field} />
      {SentAlong ? <SentAlong form={form} kept={kept} /> : <div class="coming" aria-hidden="true" />}
      <div class="actions">
        <button type="submit" class="primary" data-testid="run-button" aria-disabled={off} aria-describedby="why-not">
          {form.busy.value ? say('form.running') : say(audit ? 'form.run' : 'form.run_panel')} <kbd>{say('form.run_key')}</kbd>
        </button>
        <div class="before">{Destinations && <Destinations form={form} />}</div>
      </div>
      {kept.full.value && <p class="warned" data-testid="not-kept">{say('form.not_kept')}</p>}
      <div class="actions second">
        <button type="button" data-testid="simulate-button" aria-disabled={off} onClick={() => act('simulate')}>
          {say('form.simulate')}
        </button>
        <span class="muted">{say('form.simulate_hint')}</span>
      </div>
    </form>
  )
}

/** Whom a panel other than the audit asks, in the mode that is chosen. */
function lead(form: Form): string {
  const mode = chosenMode(form)
  const queries = mode?.queries ?? chosenPanel(form)?.queries ?? []
  const titles = queries.join(', ')
  return mode?.title === '' ? say('form.lead_auto', { titles }) : say('form.lead_panel', { n: queries.length, titles })
}
