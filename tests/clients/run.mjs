// Real clients follow real runs, all at once; called by scripts/clients.
//
//   node run.mjs ASKSTREAM PYTHON [PART OF A NAME]
//
// Checks: "silence", a run whose model says nothing for 20 s and then awkward text,
// read until the client ends by itself; "resume", the same text with the connection
// reset twice; "leave", where a client that would come back closes at `final_result`.

import assert from 'node:assert/strict'
import { eventSource, fetchEventSource, startBrowser } from './browser.mjs'
import { curl, npm, pypi } from './followers.mjs'
import { assertLive, assertWhole } from './judge.mjs'
import { openStage } from './stage.mjs'

const LIMIT_MS = 120_000
const [binary, python, wanted = ''] = process.argv.slice(2)
const began = Date.now()
// Whoever stops us stops what we started.
process.on('SIGTERM', () => process.exit(1))
const stage = await openStage(binary)
const browser = await startBrowser()

const ENDS = 'the stream ended'
const SENT_HOME = 'status 204'
/** `returns`: it comes back by itself after a lost connection, and "end" too if that ends a stream. */
const clients = {
  'chromium EventSource': { follow: eventSource(browser), end: SENT_HOME, returns: true },
  'chromium fetch-event-source': { follow: fetchEventSource(browser), end: ENDS, returns: true },
  'npm eventsource': { follow: npm('eventsource'), end: SENT_HOME, returns: true },
  'npm launchdarkly-eventsource': { follow: npm('launchdarkly-eventsource'), end: SENT_HOME, returns: true },
  'npm eventsource-parser': { follow: npm('eventsource-parser'), end: ENDS },
  'pypi httpx-sse': { follow: pypi('httpx-sse', python), end: ENDS },
  'pypi sseclient-py': { follow: pypi('sseclient-py', python), end: ENDS },
  'pypi aiosseclient': { follow: pypi('aiosseclient', python), end: ENDS },
  'pypi requests-sse': { follow: pypi('requests-sse', python), end: SENT_HOME, returns: true },
  'curl --compressed': { follow: curl, end: ENDS },
}
const proxied = ['chromium EventSource', 'npm eventsource', 'pypi httpx-sse', 'pypi requests-sse', 'curl --compressed']
/** Only what a careless administrator might add; the location is a plain `proxy_pass` in both. */
const proxies = {
  nginx: { lines: 'gzip on;' },
  'nginx, gzip of streams': { lines: 'gzip on; gzip_proxied any; gzip_min_length 0; gzip_types text/event-stream;', coding: 'gzip' },
}

const checks = []
for (const [name, client] of Object.entries(clients)) {
  add(name, 'silence', () => silence(client, stage.url, `${name} silence`))
  add(name, 'resume', () => resume(client, `${name} resume`))
  if (client.end === SENT_HOME) add(name, 'leave', () => leave(client, `${name} leave`))
}
for (const [title, { lines, coding }] of Object.entries(proxies)) {
  const proxy = stage.nginx(lines)
  // Each check that awaits it reports it.
  proxy.catch(() => {})
  for (const name of proxied)
    add(name, `silence, ${title}`, async () => silence(clients[name], (await proxy).url, `${name} ${title}`, coding))
}
function add(name, check, run) {
  if (`${name} ${check}`.includes(wanted)) checks.push({ name, check, run })
}

/** The run that each client of a check has seen. */
const runs = new Set()
await Promise.all(
  checks.map(async (check) => {
    try {
      check.found = await limited(check.run())
    } catch (error) {
      check.error = error
    }
  }),
)
await asks().catch((error) => checks.push({ name: 'all', check: 'one run each', error }))
await browser.close()
await stage.stop()
report()

async function silence(client, base, question, coding) {
  const seen = record()
  const beats = { count: 0 }
  const end = await client.follow({ url: address(base, 'silent', question), when: 'end', ...seen, beat: () => (beats.count += 1), coding })
  const { count } = await whole(seen.events, end)
  const waited = assertLive(seen.events)
  assert.equal(end, client.end)
  if (client.follow === curl) assert.ok(beats.count >= 3, `${beats.count} heartbeats`)
  return `${count} events, ${waited} ms of silence, ${end}`
}

async function resume(client, question) {
  const relay = await stage.relay()
  const seen = record(({ type }) => {
    // First while the model is silent, then, once it is back, in the middle of what the model says.
    if (connections() !== cuts + 1 || type !== ['query_started', 'query_delta'][cuts]) return
    cuts += 1
    relay.cut()
  })
  let [cuts, byHand] = [0, 0]
  const connections = () => (client.returns ? seen.count.opened : byHand + 1)
  const order = { url: address(relay.url, 'slow', question), when: 'end', ...seen }
  let end = await client.follow(order)
  // What a person or a program around the library would do.
  while (!client.returns && byHand < cuts) {
    assert.notEqual(end, ENDS, 'a reset looked like the end')
    byHand += 1
    end = await client.follow({ ...order, last: seen.events.at(-1)?.id })
  }
  const { count } = await whole(seen.events, end)
  assert.equal(cuts, 2, 'resets')
  assert.equal(end, client.end)
  assert.equal(connections(), 3, 'connections')
  return `${count} events, 2 resets, ${client.returns ? 'came back by itself' : 'cannot come back: by hand'}, ${end}`
}

async function leave(client, question) {
  const seen = record()
  const end = await client.follow({ url: address(stage.url, 'brisk', question), when: 'final', ...seen })
  const { count } = await whole(seen.events, end)
  assert.equal(end, 'left')
  assert.equal(seen.count.opened, 1, 'connections')
  return `${count} events, stayed away after final_result`
}

/** Takes down what a client hears, with the time; `then` learns of each event. */
function record(then = () => {}) {
  const events = []
  const count = { opened: 0 }
  const heard = (id, type, data) => {
    events.push({ id, type, data, at: performance.now() })
    then(events.at(-1))
  }
  return { events, count, heard, opened: () => void (count.opened += 1) }
}

async function whole(events, end) {
  const found = await assertWhole(stage.url, events).catch((error) => {
    error.message = `(${end}) ${error.message}`
    throw error
  })
  runs.add(found.run)
  return found
}

/** There are as many runs as clients have followed, and the model was asked once for each. */
async function asks() {
  const { runs: listed } = await (await fetch(`${stage.url}/api/v1/runs?limit=100`)).json()
  const found = listed.map(({ run_id }) => run_id)
  assert.deepEqual(found.sort(), [...runs].sort())
  const stats = await (await fetch(`${stage.lab.replace(/\/$/, '')}/stats`)).json()
  const asked = Object.values(stats.models).reduce((sum, model) => sum + model.attempts, 0)
  assert.equal(asked, runs.size)
  checks.push({ name: 'all', check: 'one run each', found: `${runs.size} runs, ${asked} calls of the model` })
}

function address(base, panel, question) {
  return `${base}/ask-stream?${new URLSearchParams({ panel, question, deltas: 'true' })}`
}

function limited(check) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${LIMIT_MS / 1000} s`)), LIMIT_MS)
  })
  return Promise.race([check, late]).finally(() => clearTimeout(timer))
}

function report() {
  const failed = checks.filter(({ error }) => error)
  for (const { name, check, found, error } of checks) {
    const shown = error ? String(error.message ?? error).replaceAll(/\s*\n\s*/g, ' | ').slice(0, 1500) : found
    console.log(`${error ? 'FAILED' : 'ok    '} ${name.padEnd(28)} ${check.padEnd(32)} ${shown}`)
  }
  console.log(`${Math.round((Date.now() - began) / 1000)} s`)
  console.log(`${checks.length - failed.length} passed, ${failed.length} failed`)
  // A run of no checks proves nothing.
  process.exit(failed.length === 0 && checks.length > 1 ? 0 : 1)
}
