import { useSignal } from '@preact/signals'
import { at } from '../base'
import { bytesOf, reproduce, WAYS } from '../frames'
import type { Way } from '../frames'
import { seqOf } from '../bookmark'
import type { RunView } from '../run'
import type { Frame } from '../stream'
import { parse } from '../wire/json'
import { say } from '../words'
import { Command } from './Command'

/** One frame whole, and how to get the same elsewhere. */
export function FrameDetail({ frame, run }: { frame: Frame; run: RunView }) {
  const pretty = useSignal(true)
  const way = useSignal<Way>('curl_from')
  const names: Readonly<Record<Way, string>> = {
    curl: say('events.curl'),
    curl_from: say('events.curl_from'),
    fetch: say('events.fetch'),
    eventsource: say('events.eventsource'),
    cli: say('events.cli'),
  }
  return (
    <div class="frame-detail" data-testid="frame-detail">
      <p class="frame-tools">
        <button type="button" aria-pressed={pretty.value} onClick={() => (pretty.value = true)}>
          {say('events.pretty')}
        </button>
        <button type="button" aria-pressed={!pretty.value} onClick={() => (pretty.value = false)}>
          {say('events.exact')}
        </button>
        {frame.via === 'journal' && <span class="muted">{say('events.put_together')}</span>}
        {frame.via === 'tab' && <span class="muted">{say('events.handed_on')}</span>}
      </p>
      <Command text={pretty.value ? JSON.stringify(parse(frame.data), null, 2) : bytesOf(frame)} testid="frame-text" />
      <fieldset class="ways">
        <legend>{say('events.reproduce')}</legend>
        {WAYS.map((name) => (
          <label key={name} class="tickbox">
            <input type="radio" name="way" checked={way.value === name} onChange={() => (way.value = name)} />
            {names[name]}
          </label>
        ))}
      </fieldset>
      <Command text={reproduce(way.value, location.origin + at(''), run, seqOf(frame.id))} testid="copy-curl" />
    </div>
  )
}
