import type { ComponentChildren } from 'preact'
import type { Choices } from '../draft'
import type { Form } from '../form'
import { health, providers } from '../reach'
import { say } from '../words'

/** How the run is made; whatever is left alone is the server's. */
export function Options({ form }: { form: Form }) {
  const { choices } = form.draft.value
  const set = (part: Partial<Choices>) => form.change({ choices: { ...choices, ...part } })
  const faultOf = (id: string) => form.faults.value.find(({ field }) => field === id)?.text
  const models = providers.value.flatMap(({ name, models }) => models.map((model) => (model === name ? name : `${name}/${model}`)))
  const listed = ['rules', ...models.filter((model) => model !== 'rules' && model !== 'scripted')]
  const all = choices.model === '' || listed.includes(choices.model) ? listed : [...listed, choices.model]
  const input = (id: string, key: 'querySeconds' | 'runSeconds' | 'maxCost', mode: 'decimal' | 'text') => (
    <input
      id={id}
      inputMode={mode}
      value={choices[key]}
      aria-invalid={faultOf(id) !== undefined}
      aria-describedby={`${id}-hint ${id}-fault`}
      onInput={(event) => set({ [key]: event.currentTarget.value })}
    />
  )
  return (
    <details class="options" data-testid="options">
      <summary>{say('option.title')}</summary>
      <div class="option-fields">
        {form.takes.value.language && (
          <Field id="option-language" name={say('option.language')} fault={faultOf('option-language')}>
            <select id="option-language" value={choices.language} onChange={(event) => set({ language: event.currentTarget.value })}>
              <option value="">{say('option.language_default')}</option>
              <option value="en">{say('option.language_en')}</option>
              <option value="cs" lang="cs">{say('option.language_cs')}</option>
            </select>
          </Field>
        )}
        <Field id="option-model" name={say('option.model')} fault={faultOf('option-model')}>
          <select id="option-model" value={choices.model} onChange={(event) => set({ model: event.currentTarget.value })}>
            <option value="">{say('option.model_default', { model: health.value?.model ?? '' })}</option>
            {all.map((model) => (
              <option key={model} value={model}>
                {model === 'rules' ? say('option.model_rules') : model}
              </option>
            ))}
          </select>
        </Field>
        <Field id="option-query" name={say('option.query')} hint={say('option.seconds')} fault={faultOf('option-query')}>
          {input('option-query', 'querySeconds', 'decimal')}
        </Field>
        <Field id="option-run" name={say('option.run')} hint={say('option.seconds')} fault={faultOf('option-run')}>
          {input('option-run', 'runSeconds', 'decimal')}
        </Field>
        <Field id="option-cost" name={say('option.cost')} hint={say('option.cost_hint')} fault={faultOf('option-cost')}>
          {input('option-cost', 'maxCost', 'text')}
        </Field>
      </div>
    </details>
  )
}

interface FieldProps {
  readonly id: string
  readonly name: string
  readonly hint?: string
  readonly fault: string | undefined
  readonly children: ComponentChildren
}

function Field({ id, name, hint, fault, children }: FieldProps) {
  return (
    <div class="option">
      <label for={id}>{name}</label>
      {children}
      <span class="hint" id={`${id}-hint`}>{hint}</span>
      <span class="fault" id={`${id}-fault`}>{fault}</span>
    </div>
  )
}
