// One npm library follows one run, and says each event as a line of JSON; called by run.mjs.
//
//   node client.mjs LIBRARY URL WHEN [LAST-EVENT-ID]
//
// As client.py does it.

import { EventSource } from 'eventsource'
import { EventSourceParserStream } from 'eventsource-parser/stream'
import launchdarkly from 'launchdarkly-eventsource'
import { NAMES } from './names.mjs'

const [library, url, when, last] = process.argv.slice(2)
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)
const isLeaving = (type) => when === 'final' && type === 'final_result'

const libraries = {
  eventsource() {
    return listen(new EventSource(url), 'code')
  },
  'launchdarkly-eventsource'() {
    return listen(new launchdarkly.EventSource(url), 'status')
  },
  async 'eventsource-parser'() {
    const headers = { accept: 'text/event-stream', ...(last && { 'last-event-id': last }) }
    const response = await fetch(url, { headers })
    if (response.status !== 200) return `status ${response.status}`
    for await (const event of response.body.pipeThrough(new TextDecoderStream()).pipeThrough(new EventSourceParserStream())) {
      say({ event: [event.id, event.event, event.data] })
      if (isLeaving(event.event)) return 'left'
    }
    return 'the stream ended'
  },
}

/** Follows an object that behaves like a browser's EventSource; its errors keep the status in `key`. */
function listen(source, key) {
  return new Promise((resolve) => {
    source.addEventListener('open', () => say({ open: true }))
    source.addEventListener('error', (event) => {
      if (event.data !== undefined) say({ event: [event.lastEventId, 'error', event.data] })
      // One of them emits the error before it gives up.
      setTimeout(() => source.readyState === 2 && resolve(`status ${event[key]}`), 50)
    })
    for (const name of NAMES) {
      source.addEventListener(name, (event) => {
        say({ event: [event.lastEventId, event.type, event.data] })
        if (!isLeaving(event.type)) return
        source.close()
        // Whoever came back would have by then.
        setTimeout(() => resolve('left'), 3000)
      })
    }
  })
}

say({ end: await libraries[library]().catch((error) => String(error.cause ?? error)) })
