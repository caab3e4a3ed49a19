import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { STRIP } from '../samples'
import { say } from '../words'

/** What this is, the same with curl, and the keys. */
export function Help() {
  useEffect(() => {
    document.title = say('app.title', { page: say('help.title') })
  }, [])
  const origin = location.origin
  const body = JSON.stringify({ question: STRIP.question })
  return (
    <article class="prose">
      <h1>{say('help.title')}</h1>
      <p>{say('help.what')}</p>
      <p>{say('help.checks')}</p>
      <h2>{say('help.curl')}</h2>
      <Command text={`curl -N -H 'content-type: application/json' -d '${body}' ${origin}/ask-stream`} />
      <h2>{say('help.again')}</h2>
      <Command text={`curl -N ${origin}/api/v1/runs/RUN_ID/events`} />
      <h2>{say('help.keys')}</h2>
      <dl class="keys">
        <dt><kbd>{say('form.run_key')}</kbd></dt>
        <dd>{say('help.key_run')}</dd>
        <dt><kbd>{say('key.arrows')}</kbd></dt>
        <dd>{say('help.key_arrows')}</dd>
        <dt><kbd>{say('key.enter')}</kbd></dt>
        <dd>{say('help.key_detail')}</dd>
        <dt><kbd>{say('key.escape')}</kbd></dt>
        <dd>{say('help.key_close')}</dd>
        <dt><kbd>{say('key.shift_escape')}</kbd></dt>
        <dd>{say('help.key_cancel')}</dd>
      </dl>
      <h2>{say('help.honest')}</h2>
      <p>{say('help.honest_text')}</p>
    </article>
  )
}

function Command({ text }: { text: string }) {
  const copied = useSignal(false)
  const copy = async () => {
    await navigator.clipboard.writeText(text)
    copied.value = true
  }
  return (
    <div class="command">
      <pre tabIndex={0}>{text}</pre>
      {/* Browsers offer the clipboard only to secure origins; elsewhere the text can be selected. */}
      {window.isSecureContext && (
        <button type="button" class="quiet" onClick={copy}>
          {say(copied.value ? 'help.copied' : 'help.copy')}
        </button>
      )}
    </div>
  )
}
