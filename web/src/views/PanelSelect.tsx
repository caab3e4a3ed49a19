import type { Form } from '../form'
import { say } from '../words'

/** Which panel is asked, where there are several. */
export function PanelSelect({ form }: { form: Form }) {
  const panels = form.panels.value
  if (panels.length < 2) return null
  const chosen = form.draft.value.panel || panels.find(({ isDefault }) => isDefault)?.name
  return (
    <div class="panel-choice">
      <label for="panel">{say('form.panel')}</label>
      <select id="panel" data-testid="panel-select" value={chosen} onChange={(event) => form.change({ panel: event.currentTarget.value })}>
        {panels.map(({ name, title }) => (
          <option key={name} value={name}>{title}</option>
        ))}
      </select>
    </div>
  )
}
