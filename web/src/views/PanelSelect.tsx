import type { ModeChoice } from '../asking'
import type { Form } from '../form'
import { say } from '../words'

/** Which panel is asked, where there are several, and in which of its modes. */
export function PanelSelect({ form }: { form: Form }) {
  const panels = form.panels.value
  const draft = form.draft.value
  const chosen = panels.find(({ name, isDefault }) => (draft.panel === '' ? isDefault : name === draft.panel))
  return (
    <>
      {panels.length > 1 && <Panels form={form} chosen={chosen?.name ?? draft.panel} />}
      {chosen !== undefined && chosen.modes.length > 1 && <Modes form={form} modes={chosen.modes} />}
    </>
  )
}

function Panels({ form, chosen }: { form: Form; chosen: string }) {
  // Another panel has other modes.
  const choose = (panel: string) => form.change({ panel, choices: { ...form.draft.value.choices, mode: '' } })
  return (
    <div class="panel-choice">
      <label for="panel">{say('form.panel')}</label>
      <select id="panel" data-testid="panel-select" value={chosen} onChange={(event) => choose(event.currentTarget.value)}>
        {form.panels.value.map(({ name, title }) => (
          <option key={name} value={name}>{title}</option>
        ))}
      </select>
    </div>
  )
}

function Modes({ form, modes }: { form: Form; modes: readonly ModeChoice[] }) {
  const { choices } = form.draft.value
  return (
    <div class="panel-choice">
      <label for="mode">{say('form.mode')}</label>
      <select id="mode" data-testid="mode-select" value={choices.mode || modes[0]?.name} onChange={(event) => form.change({ choices: { ...choices, mode: event.currentTarget.value } })}>
        {modes.map(({ name, title }) => (
          <option key={name} value={name}>{title || say('form.mode_auto')}</option>
        ))}
      </select>
    </div>
  )
}
