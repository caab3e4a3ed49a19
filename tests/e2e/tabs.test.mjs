// Many tabs of one browser, which has six connections to a server: none goes without, none loses or doubles anything.

import assert from 'node:assert/strict'
import { startServerWith, startProvider } from './provider.mjs'
import { startNetwork } from './network.mjs'

const QUESTION = 'Foundation strip 45 m x 0.8 m x 0.6 m, groundwater pH 6.2, C30/37 XC4 XF3'
const LIMITS = 'max_in_flight = 64\nper_call = "2m"\nper_query = "2m"\nidle = "1m"'
const TABS = 8
/** What a test waits for at most; a busy machine takes long. */
const PATIENCE_MS = 30_000

/** A run that writes for about `seconds`. */
const writing = (seconds) => () => ({ first: 100, every: 100, pieces: seconds * 10 })

/** A browser profile over a network over a server over a provider. */
async function withTabs(browser, play, use) {
  const provider = await startProvider(play)
  const server = await startServerWith(provider, LIMITS)
  const network = await startNetwork(server)
  const context = await browser.newContext({ viewport: { width: 1000, height: 700 } })
  const open = async (run) => {
    const page = await context.newPage()
    await page.goto(`${network.url}/runs/${run}?tab=events`)
    return page
  }
  try {
    await use({ server, network, provider, context, open })
  } finally {
    await context.close()
    network.stop()
    await server.stop()
    provider.stop()
  }
}

async function makeRun(server, n = 0) {
  const answer = await fetch(`${server.url}/api/v1/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ question: `${QUESTION} ${n}` }),
  })
  return (await answer.json()).run_id
}

/** How many events the server has of an ended run. */
async function journalLength(server, run) {
  const snapshot = await (await fetch(`${server.url}/api/v1/runs/${run}`)).json()
  return Number(snapshot.last_event_id.split('.').pop())
}

const live = (page) => page.locator('[data-testid=conn-state][data-state=live]').waitFor({ timeout: PATIENCE_MS })
const ended = (page) => page.locator('[data-testid=run-status][data-status=completed]').waitFor({ timeout: PATIENCE_MS })

/** As many events reached the tab as the journal has. */
async function hasAll(page, server, run) {
  const length = await journalLength(server, run)
  await page.locator(`[data-testid=events-counts][data-frames="${length}"]`).waitFor({ timeout: 5000 }).catch(async () => {
    assert.equal(await page.getByTestId('events-counts').getAttribute('data-frames'), String(length))
  })
}

/** Each event of the journal has one row in the tab, in order. */
async function showsAll(page, server, run) {
  const length = await journalLength(server, run)
  await page.bringToFront()
  await page.getByTestId('events-deltas').check()
  const rows = await page.evaluate(async () => {
    const box = document.querySelector('[data-testid=events-list]')
    const seen = new Map()
    box.dispatchEvent(new PointerEvent('pointerdown'))
    const frame = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
    for (let at = 0; at <= box.scrollHeight; at += box.clientHeight) {
      box.scrollTop = at
      await frame()
      for (const row of box.querySelectorAll('[data-seq]')) seen.set(Number(row.getAttribute('aria-rowindex')), Number(row.dataset.seq))
    }
    return [...seen].sort(([a], [b]) => a - b).map(([, seq]) => seq)
  })
  assert.deepEqual(rows, Array.from({ length }, (_, index) => index + 1))
}

async function until(what, holds, ms = PATIENCE_MS) {
  const late = Date.now() + ms
  while (!(await holds())) {
    if (Date.now() > late) throw new Error(`not within ${ms} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

export const tests = {
  async 'eight tabs of one run share one stream, whoever leaves'({ browser }) {
    await withTabs(browser, writing(14), async ({ server, network, open }) => {
      const run = await makeRun(server)
      const tabs = []
      for (let n = 0; n < TABS; n += 1) tabs.push(await open(run))
      await Promise.all(tabs.map(live))
      await until('one stream', () => network.streams().length === 1)
      // The first one leads. It is reloaded, then closed with its successor.
      await tabs[0].reload()
      await live(tabs[0])
      await until('one stream after a reload', () => network.streams().length === 1)
      await tabs.splice(1, 1)[0].close()
      await until('one stream after a leave', () => network.streams().length === 1)
      await Promise.all(tabs.map(ended))
      for (const tab of tabs) await hasAll(tab, server, run)
      // One that led, and one that only listened.
      for (const tab of [tabs[0], tabs.at(-1)]) await showsAll(tab, server, run)
    })
  },

  async 'eight runs in eight tabs leave connections for everything else'({ browser }) {
    await withTabs(browser, writing(26), async ({ server, network, open }) => {
      const runs = await Promise.all(Array.from({ length: TABS }, (_, n) => makeRun(server, n)))
      const tabs = []
      for (const run of runs) tabs.push(await open(run))
      await Promise.all(tabs.map(live))
      await until('four streams', () => network.streams().length === 4)
      for (const tab of tabs) assert.equal(await tab.evaluate(() => fetch('/health').then((answer) => answer.status)), 200)
      assert.ok(network.streams().length <= 4)
      await Promise.all(tabs.map(ended))
      for (const [n, tab] of tabs.entries()) await hasAll(tab, server, runs[n])
      await showsAll(tabs.at(-1), server, runs.at(-1))
    })
  },

  async 'a tab that hangs loses its stream to one that is looked at'({ browser }) {
    await withTabs(browser, writing(30), async ({ server, open }) => {
      const run = await makeRun(server)
      const first = await open(run)
      await live(first)
      const second = await open(run)
      await second.locator('[data-testid=events-counts][data-mark=shared]').waitFor({ timeout: PATIENCE_MS })
      const hanging = first.evaluate(() => {
        const end = Date.now() + 18_000
        while (Date.now() < end);
      })
      await second.locator('[data-testid=events-counts][data-mark=live]').waitFor({ timeout: PATIENCE_MS })
      await hanging
      await first.locator('[data-testid=events-counts][data-mark=shared]').waitFor({ timeout: PATIENCE_MS })
      await Promise.all([ended(first), ended(second)])
      await hasAll(second, server, run)
      await hasAll(first, server, run)
    })
  },

  async 'all tabs come back after the server was killed'({ browser }) {
    await withTabs(browser, writing(16), async ({ server, network, open }) => {
      const runs = [await makeRun(server, 1), await makeRun(server, 2), await makeRun(server, 3), await makeRun(server, 4)]
      const tabs = []
      for (let n = 0; n < TABS; n += 1) tabs.push(await open(runs[n % 4]))
      await Promise.all(tabs.map(live))
      await server.kill()
      await Promise.all(tabs.map((tab) => tab.locator('[data-testid=conn-state]:not([data-state=live])').waitFor({ timeout: PATIENCE_MS })))
      await server.revive()
      await Promise.all(tabs.map(live))
      await until('one stream a run', () => network.streams().length <= 4)
      await Promise.all(tabs.map(ended))
      for (const [n, tab] of tabs.entries()) await hasAll(tab, server, runs[n % 4])
    })
  },

  async 'a network that is away for twenty seconds costs nothing but time'({ browser }) {
    await withTabs(browser, writing(26), async ({ server, network, open }) => {
      const run = await makeRun(server)
      const tabs = [await open(run), await open(run)]
      await Promise.all(tabs.map(live))
      network.down()
      await Promise.all(tabs.map((tab) => tab.locator('[data-testid=conn-state][data-state=offline]').waitFor({ timeout: PATIENCE_MS })))
      await new Promise((resolve) => setTimeout(resolve, 8000))
      await network.up()
      await Promise.all(tabs.map(ended))
      for (const tab of tabs) await hasAll(tab, server, run)
    })
  },

  async 'a socket that died without a word is noticed after two heartbeats'({ browser }) {
    await withTabs(browser, writing(24), async ({ server, network, open }) => {
      const run = await makeRun(server)
      const tab = await open(run)
      await live(tab)
      await until('a stream', () => network.streams().length === 1)
      // Browsers say this after every load, sooner or later than the stream is open.
      await tab.evaluate(() => window.dispatchEvent(new PageTransitionEvent('pageshow')))
      await new Promise((resolve) => setTimeout(resolve, 500))
      assert.equal(network.opened(), 1)
      network.hold()
      const held = Date.now()
      await until('another stream', () => network.streams().length === 1)
      assert.ok(Date.now() - held < 13_000, `noticed after ${Date.now() - held} ms`)
      assert.equal(network.opened(), 2)
      await live(tab)
      await ended(tab)
      await showsAll(tab, server, run)
    })
  },
}
