import { useEffect, useRef } from 'preact/hooks'
import { asked } from '../consent'
import { say } from '../words'

/** Asks once for each vendor whether anything may be sent there; names where it goes. */
export function Consent() {
  const box = useRef<HTMLDialogElement>(null)
  const open = asked.value
  useEffect(() => {
    if (open) box.current?.showModal()
  }, [open])
  if (open === undefined) return null
  return (
    <dialog
      ref={box}
      class="consent"
      data-testid="consent"
      aria-labelledby="consent-title"
      aria-describedby="consent-text"
      onCancel={(event) => {
        event.preventDefault()
        open.answer(false)
      }}
      // A form within the form would be sent with it.
      onKeyDown={(event) => event.stopPropagation()}
    >
      <h2 id="consent-title">{say('consent.title')}</h2>
      <div id="consent-text">
        <p>{say('consent.text')}</p>
        <ul>
          {open.destinations.map(({ provider, host }) => (
            <li key={provider + host}>
              <strong>{provider}</strong> <code>{host}</code>
            </li>
          ))}
        </ul>
        <p class="muted">{say('consent.once')}</p>
      </div>
      <div class="actions">
        <button type="button" class="primary" data-testid="consent-yes" onClick={() => open.answer(true)}>
          {say('consent.yes')}
        </button>
        <button type="button" onClick={() => open.answer(false)}>
          {say('consent.no')}
        </button>
      </div>
    </dialog>
  )
}
