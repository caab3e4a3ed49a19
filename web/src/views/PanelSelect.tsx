import { chosenPanel } from '../form'
import type { Form } from '../form'
import { say } from '../words'

/** Which panel is asked; there from the start, so that nothing moves when the panels are known. */
export function PanelSelect({ form }: { form: Form }) {
  const panels = form.panels.value
  return (
    <div class="panel-choice">
      <label for="panel">{say('form.panel')}</label>
      <select id="panel" data-testid="panel-select" value={chosenPanel(form)?.name ?? ''} onChange={(event) => form.change({ panel: event.currentTarget.value })}>
        {panels.map(({ name, title }) => (
          <option key={name} value={name}>{title}</option>
        ))}
      </select>
    </div>
  )
}
