import type { ModeChoice } from '../asking'
import { chosenMode, chosenPanel } from '../form'
import type { Form } from '../form'
import { say } from '../words'

/** Which panel is asked, there from the start, so that nothing moves when the panels are known; and in which mode. */
export function PanelSelect({ form }: { form: Form }) {
  const modes = chosenPanel(form)?.modes ?? []
  return (
    <>
      <Panels form={form} />
      {modes.length > 1 && <Modes form={form} modes={modes} />}
    </>
  )
}

function Panels({ form }: { form: Form }) {
  // Another panel has other modes.
  const choose = (panel: string) => form.change({ panel, choices: { ...form.draft.value.choices, mode: '' } })
  return (
    <div class="panel-choice">
      <label for="panel">{say('form.panel')}</label>
      <select id="panel" data-testid="panel-select" value={chosenPanel(form)?.name ?? ''} onChange={(event) => choose(event.currentTarget.value)}>
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
      <select id="mode" data-testid="mode-select" value={chosenMode(form)?.name} onChange={(event) => form.change({ choices: { ...choices, mode: event.currentTarget.value } })}>
        {modes.map(({ name, title }) => (
          <option key={name} value={name}>{title || say('form.mode_auto')}</option>
        ))}
      </select>
    </div>
  )
}
