import { notice } from '../notice'

/** One line at a time; its place is reserved, so nothing below it moves. */
export function NoticeBand() {
  const shown = notice.value
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
