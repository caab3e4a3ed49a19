import { useSignal } from '@preact/signals'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { getInputFields, getPanels, requestOf } from '../asking'
import type { PanelChoice } from '../asking'
import { draftOf } from '../draft'
import { faultsOf, faultsOfProblem, openForm } from '../form'
import { keep, useDraft } from '../keeping'
import { linked } from '../linked'
import { assertive } from '../notice'
import { lost, lostAt, watch } from '../reach'
import { go, route } from '../route'
import { SAMPLES, STRIP } from '../samples'
import type { Sample } from '../samples'
import { remember } from '../snapshots'
import type { Problem } from '../wire/problem'
import { say } from '../words'
import { Destinations } from './Destinations'
import { ErrorSummary } from './ErrorSummary'
import { Question } from './Question'
import { Samples } from './Samples'

/** What is not needed at first view. */
type Later = typeof import('./SentAlong')

let coming: Promise<Later> | undefined
const later = (): Promise<Later> =>
  (coming ??= import('./SentAlong').catch((lostOnTheWay: unknown) => {
    coming = undefined
    throw lostOnTheWay
  }))

/** The form: a description, what goes along with it, where it goes, and one button. */
export function NewAudit() {
  const form = useMemo(openForm, [])
  const kept = useDraft(form)
  const problem = useSignal<Problem | undefined>(undefined)
  const tries = useSignal(0)
  const busy = useSignal(false)
  const panels = useSignal<readonly PanelChoice[]>([])
  const more = useSignal<Later | undefined>(undefined)
  const field = useRef<HTMLTextAreaElement>(null)
  const draft = form.draft.value
  const gone = lostAt.value !== undefined
  const chosen = panels.value.find(({ name, isDefault }) => (draft.panel === '' ? isDefault : name === draft.panel))

  useEffect(() => {
    document.title = say('app.title', { page: say('form.title') })
    return watch()
  }, [])
  useEffect(() => {
    if (gone) return
    void later().then((loaded) => (more.value = loaded), lost)
    void getPanels().then((answer) => answer.ok && (panels.value = answer.value))
  }, [gone])
  useEffect(() => linked(form, kept), [route.value])
  useEffect(() => {
    if (chosen === undefined) return
    void getInputFields(chosen.name).then((answer) => {
      const fields = answer.ok ? answer.value : []
      const takes = (name: string) => fields.includes(name)
      form.takes.value = { positions: takes('positions'), specifications: takes('specifications'), language: takes('language'), checks: chosen.checks }
    })
  }, [chosen?.name])

  const refuse = (text: string) => {
    tries.value += 1
    assertive.value = text
  }
  const send = async (body: string, at: readonly number[], here: boolean) => {
    busy.value = true
    problem.value = undefined
    form.faults.value = []
    const answer = await later().then(({ start, startHere }) => (here ? startHere(body) : start(body))).catch(() => 'lost' as const)
    busy.value = false
    if (answer === 'declined') return
    if (answer === 'lost') return lost()
    if (answer.ok) {
      keep(kept, form.draft.value, !here)
      remember(answer.value)
      go(`/runs/${answer.value.run_id}`)
      return
    }
    if (answer.problem.status === 0) lost()
    problem.value = answer.problem
    form.faults.value = faultsOfProblem(answer.problem, at)
    refuse(form.faults.value[0]?.text ?? answer.problem.detail)
  }
  const submit = () => {
    if (busy.value) return
    // What is being typed into a cell counts.
    if (document.activeElement instanceof HTMLInputElement) document.activeElement.blur()
    const now = form.draft.value
    keep(kept, now)
    problem.value = undefined
    form.faults.value = faultsOf(now)
    const [first] = form.faults.value
    if (first) refuse(first.text)
    else if (lostAt.value === undefined) {
      const { body, at } = requestOf(now)
      void send(body, at, false)
    } else assertive.value = say('form.not_now')
  }
  const simulate = () => {
    if (busy.value || lostAt.value !== undefined) return
    const body = JSON.stringify({ panel: 'audit', question: STRIP.question, input: STRIP.input, options: { on_disconnect: 'continue', model: 'scripted' } })
    void send(body, [], true)
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter') return
    const isRun = event.ctrlKey || event.metaKey
    if (isRun) submit()
    // Enter in a line of text ends the line, not the form.
    if (isRun || event.target instanceof HTMLInputElement) event.preventDefault()
  }
  const choose = (sample: Sample) => {
    form.change({ ...draftOf(sample.question, { ...sample.input }, sample.title, draft.panel), choices: draft.choices })
    form.faults.value = []
  }

  const Along = more.value?.SentAlong
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
      <h1 tabIndex={-1}>{say('form.title')}</h1>
      <p class="lead">{say('form.lead')}</p>
      {(form.faults.value.length > 0 || problem.value) && <ErrorSummary form={form} problem={problem.value} tries={tries.value} />}
      {panels.value.length > 1 && (
        <div class="panel-choice">
          <label for="panel">{say('form.panel')}</label>
          <select id="panel" data-testid="panel-select" value={chosen?.name} onChange={(event) => form.change({ panel: event.currentTarget.value })}>
            {panels.value.map(({ name, title }) => (
              <option key={name} value={name}>{title}</option>
            ))}
          </select>
        </div>
      )}
      <Samples samples={SAMPLES} pressed={draft.sample} choose={choose} />
      <Question form={form} field={field} />
      {Along ? <Along form={form} /> : <div class="coming" aria-hidden="true" />}
      <div class="actions">
        <button type="submit" class="primary" data-testid="run-button" aria-disabled={busy.value || gone} aria-describedby={gone ? 'why-not' : undefined}>
          {busy.value ? say('form.running') : say('form.run')} <kbd>{say('form.run_key')}</kbd>
        </button>
        <Destinations form={form} panel={chosen?.name ?? ''} />
      </div>
      {kept.full.value && <p class="warned" data-testid="not-kept">{say('form.not_kept')}</p>}
      <div class="actions second">
        <button type="button" data-testid="simulate-button" aria-disabled={busy.value || gone} onClick={simulate}>
          {say('form.simulate')}
        </button>
        <span class="muted">{say('form.simulate_hint')}</span>
      </div>
    </form>
  )
}
