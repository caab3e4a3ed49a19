// Debian's Chromium follows a run: with its own EventSource, and with fetch-event-source, which is for browsers.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { NAMES } from './names.mjs'

const LIBRARY = new URL('lib/esm/', new URL('.', import.meta.resolve('@microsoft/fetch-event-source/package.json')))

/** As tests/e2e starts it. */
export function startBrowser() {
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-dev-shm-usage', '--no-first-run']
  const quiet = ['--disable-background-networking', '--disable-component-update', '--disable-sync']
  return chromium.launch({ executablePath: '/usr/bin/chromium', headless: true, args: [...args, ...quiet] })
}

/** The native EventSource. */
export const eventSource = (browser) => (order) =>
  onPage(browser, order, ({ url, when, names }) => {
    const source = new EventSource(url)
    return new Promise((resolve) => {
      source.onopen = () => window.opened()
      source.onerror = (event) => {
        if (event.data !== undefined) window.heard(event.lastEventId, 'error', event.data)
        if (source.readyState === 2) resolve('closed')
      }
      for (const name of names) {
        source.addEventListener(name, (event) => {
          window.heard(event.lastEventId, event.type, event.data)
          if (when !== 'final' || name !== 'final_result') return
          source.close()
          setTimeout(() => resolve('left'), 3000)
        })
      }
    })
  })

/** fetch-event-source, with POST as it is mostly used. */
export const fetchEventSource = (browser) => (order) =>
  onPage(browser, order, async ({ url, when }) => {
    const { fetchEventSource } = await import('/library/index')
    const { searchParams: asked, origin, pathname } = new URL(url)
    const leave = new AbortController()
    let left
    await fetchEventSource(`${origin}${pathname}?deltas=true`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ panel: asked.get('panel'), question: asked.get('question') }),
      signal: leave.signal,
      onopen: async (response) => {
        if (response.status !== 200) throw new Error(`status ${response.status}`)
        window.opened()
      },
      onmessage: ({ id, event, data }) => {
        window.heard(id, event, data)
        if (when !== 'final' || event !== 'final_result') return
        left = new Promise((resolve) => setTimeout(() => resolve('left'), 3000))
        leave.abort()
      },
    })
    return left ?? 'the stream ended'
  })

/** Runs `follow` on an empty page of the server's own origin. */
async function onPage(browser, { url, when, heard, opened }, follow) {
  const context = await browser.newContext()
  try {
    const page = await context.newPage()
    await context.route('**/clients.html', (route) => route.fulfill({ contentType: 'text/html', body: '<title>clients</title>' }))
    await context.route('**/library/*', (route) => route.fulfill({ contentType: 'text/javascript', body: part(route.request().url()) }))
    await page.exposeFunction('heard', heard)
    await page.exposeFunction('opened', opened)
    let status
    page.on('response', (response) => (status = response.status()))
    await page.goto(new URL('/clients.html', url).href)
    const end = await page.evaluate(follow, { url, when, names: NAMES })
    // An EventSource does not say why it has given up.
    return end === 'closed' ? `status ${status}` : end
  } finally {
    await context.close()
  }
}

/** A module of the library, which names its own without a suffix. */
function part(url) {
  return readFileSync(fileURLToPath(new URL(`${url.split('/').at(-1)}.js`, LIBRARY)), 'utf8')
}
