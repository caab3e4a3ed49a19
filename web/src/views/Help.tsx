import { useEffect } from 'preact/hooks'
import { at } from '../base'
import { helpKey, setHelpKey } from '../keys'
import { STRIP } from '../samples'
import { learn, say } from '../words'
import { help } from '../words/help'
import { Command } from './Command'

learn(help)

/** What this is, the same with curl, and the keys. */
export function Help() {
  useEffect(() => {
    document.title = say('app.title', { page: say('help.title') })
  }, [])
  const server = location.origin + at('')
  const body = JSON.stringify({ question: STRIP.question })
  return (
    <article class="prose">
      <h1>{say('help.title')}</h1>
      <p>{say('help.what')}</p>
      <p>{say('help.checks')}</p>
      <h2>{say('help.curl')}</h2>
      <Command text={`curl -N -H 'content-type: application/json' -d '${body}' ${server}/ask-stream`} />
      <h2>{say('help.again')}</h2>
      <Command text={`curl -N ${server}/api/v1/runs/RUN_ID/events`} />
      <h2>{say('help.keys')}</h2>
      <dl class="keys">
        <dt><kbd>{say('form.run_key')}</kbd></dt>
        <dd>{say('help.key_run')}</dd>
        <dt><kbd>{say('key.help')}</kbd></dt>
        <dd>
          {say('help.key_help')}
          <br />
          <label class="tickbox">
            <input type="checkbox" data-testid="help-key" checked={helpKey.value} onChange={(event) => setHelpKey(event.currentTarget.checked)} />
            {say('help.key_switch')}
          </label>
        </dd>
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
