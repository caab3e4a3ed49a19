import { useEffect, useRef } from 'preact/hooks'
import { say } from '../words'

/** Asks once, where money was already spent or keys could slip; says what is lost and what is kept. */
export function ConfirmCancel({ cost, yes, no }: { cost: string | undefined; yes: () => void; no: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const element = dialog.current
    if (element === null) return
    element.addEventListener('close', no)
    element.showModal()
    return () => element.removeEventListener('close', no)
  }, [])
  // Closing gives focus back to where it was; a dialog that is only taken away does not.
  const leave = (then: () => void) => {
    dialog.current?.close()
    then()
  }
  return (
    <dialog ref={dialog} aria-labelledby="cancel-title">
      <h2 id="cancel-title">{say('run.cancel_title')}</h2>
      <p>
        {say('run.cancel_text')} {cost !== undefined && say('run.cancel_spent', { cost })}
      </p>
      <div class="actions">
        <button type="button" class="primary" onClick={() => leave(yes)}>
          {say('run.cancel')}
        </button>
        <button type="button" autofocus onClick={() => leave(no)}>
          {say('run.cancel_keep')}
        </button>
      </div>
    </dialog>
  )
}
