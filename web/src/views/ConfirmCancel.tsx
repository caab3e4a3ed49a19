import { useEffect, useRef } from 'preact/hooks'
import { say } from '../words'

/** Asks once, where money was already spent or keys could slip; says what is lost and what is kept. */
export function ConfirmCancel({ cost, yes, no }: { cost: string | undefined; yes: () => void; no: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => dialog.current?.showModal(), [])
  return (
    <dialog ref={dialog} onClose={no} aria-labelledby="cancel-title">
      <h2 id="cancel-title">{say('run.cancel_title')}</h2>
      <p>
        {say('run.cancel_text')} {cost !== undefined && say('run.cancel_spent', { cost })}
      </p>
      <div class="actions">
        <button type="button" class="primary" onClick={yes}>
          {say('run.cancel')}
        </button>
        <button type="button" onClick={no}>
          {say('run.cancel_keep')}
        </button>
      </div>
    </dialog>
  )
}
