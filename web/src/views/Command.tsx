import { useSignal } from '@preact/signals'
import { put } from '../copy'
import { say } from '../words'

/** Text for a terminal or a program, with a button that copies it. */
export function Command({ text, testid }: { text: string; testid?: string }) {
  const copied = useSignal('')
  const copy = async () => {
    if (await put({ 'text/plain': text })) copied.value = text
  }
  return (
    <div class="command">
      <pre tabIndex={0} data-testid={testid}>
        {text}
      </pre>
      <button type="button" class="quiet" onClick={copy}>
        {say(copied.value === text ? 'help.copied' : 'help.copy')}
      </button>
    </div>
  )
}
