import { notice } from '../notice'
import { updated } from '../standing'

/** One line at a time; its place is reserved, so nothing below it moves. */
export function NoticeBand() {
  // What happens to the run goes before news of the server.
  const shown = notice.value ?? updated.value
  if (shown === undefined) return null
  const { action } = shown
  return (
    <p class={`notice-line ${shown.tone}`}>
      <span>{shown.text}</span>
      {action && (
        <button type="button" class="quiet" onClick={action.run}>
          {action.label}
        </button>
      )}
    </p>
  )
}
