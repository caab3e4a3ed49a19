import { useSignal } from '@preact/signals'
import { say } from '../words'

/** Text for a terminal or a program, with a button that copies it. */
export function Command({ text, testid }: { text: string; testid?: string }) {
  const copied = useSignal('')
  const copy = async () => {
    await navigator.clipboard.writeText(text)
    copied.value = text
  }
  return (
    <div class="command">
      <pre tabIndex={0} data-testid={testid}>
        {text}
      </pre>
      {/* Browsers offer the clipboard only to secure origins; elsewhere the text can be selected. */}
      {window.isSecureContext && (
        <button type="button" class="quiet" onClick={copy}>
          {say(copied.value === text ? 'help.copied' : 'help.copy')}
        </button>
      )}
    </div>
  )
}
