// Text is text: hostile words in every place that words come from execute nothing, load nothing and break nothing.

import assert from 'node:assert/strict'
import { PAYLOADS } from './payloads.mjs'
import { ANSWERS, COMPLIANCE, COMPREHENSIVE } from './provider.mjs'
import { BRIEF, ended, startRun, status, withReport } from './reading.mjs'

/** Every text of an answer replaced by the next payload; ids and the words of enumerations stay. */
function poisoned(value, next, key = '') {
  if (typeof value === 'string') return ['overall', 'status', 'severity', 'priority', 'complexity', 'level', 'category', 'type', 'id'].includes(key) ? value : next()
  if (Array.isArray(value)) return value.map((one) => poisoned(one, next, key))
  if (value !== null && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, poisoned(part, next, name)]))
  return value
}

/** Nothing ran, nothing was left behind; what is asked of other hosts, logged or violated fails every test anyway. */
async function unharmed(page) {
  const traces = await page.evaluate(() => ({
    ran: globalThis.ran,
    polluted: {}.polluted ?? [].polluted ?? Object.prototype.ran,
    foreign: [...document.querySelectorAll('main img, main iframe, main object, main embed, main form[action], main script, main style, main link, main base, main meta, main video, main audio, main marquee')].map((one) => one.outerHTML.slice(0, 120)),
    handlers: [...document.querySelectorAll('main *')].flatMap((one) => one.getAttributeNames().filter((name) => name.startsWith('on'))),
    links: [...document.querySelectorAll('main a')].map((one) => one.getAttribute('href')).filter((to) => !/^(https?:\/\/|\/|#)/.test(to)),
  }))
  assert.deepEqual(traces, { ran: undefined, polluted: undefined, foreign: [], handlers: [], links: [] })
}

/** Opens everything that a reader can open, points at it, and prints it. */
async function handle(page) {
  for (const summary of await page.locator('summary').all()) await summary.click()
  for (const row of await page.locator('[data-testid=query-row] button').all()) await row.click()
  await page.emulateMedia({ media: 'print' })
  await page.emulateMedia({ media: 'screen' })
}

export const tests = {
  async 'there are 300 payloads'() {
    assert.ok(PAYLOADS.length >= 300, `${PAYLOADS.length}`)
  },

  async 'hostile words in an audit are shown as words'({ browser }) {
    let at = 0
    const next = () => PAYLOADS[at++ % PAYLOADS.length]
    const many = (make) => Array.from({ length: 120 }, (_, index) => make(index))
    const play = (query) => {
      const answer = poisoned(ANSWERS[query], next)
      if (query === COMPLIANCE) {
        answer.risks_identified = many((index) => ({ ...answer.risks_identified[0], id: index % 3 ? next().slice(0, 40) : `R-${index}`, category: answer.risks_identified[index % 3].category, title: next(), description: next() }))
      } else answer.assumptions = many(next)
      return { text: JSON.stringify(answer) }
    }
    await withReport(browser, { play }, async ({ page, url }) => {
      for (const payload of [PAYLOADS[0], '</script><script>window.ran=1</script>', '<!--<script>']) {
        const id = await startRun(url, { question: `${payload}\n${PAYLOADS.slice(0, 60).join('\n')}`, positions: PAYLOADS.slice(0, 200).map((text) => ({ item_name: text, quantity: text.length, unit: text.slice(0, 12) })) })
        const result = await ended(url, id)
        assert.notEqual(result.status, 'failed', JSON.stringify(result.queries))
        await page.goto(`${url}/runs/${id}`)
        await page.getByTestId('report-status').waitFor()
        await handle(page)
        await unharmed(page)
      }
      assert.ok(at >= PAYLOADS.length, `${at} payloads were answered`)
    })
  },

  async 'hostile words in a text answer make no more than the small Markdown'({ browser }) {
    const play = (query) => ({ text: (query === COMPREHENSIVE ? PAYLOADS : [...PAYLOADS].reverse()).join('\n\n'), pieces: 40, every: 5 })
    await withReport(browser, { play, files: BRIEF }, async ({ page, url }) => {
      const id = await startRun(url, { panel: 'brief' })
      await page.goto(`${url}/runs/${id}`)
      await status(page, 'completed')
      await page.getByTestId('answers').waitFor()
      await handle(page)
      await unharmed(page)
      const shown = await page.getByTestId('answers').innerText()
      assert.ok(shown.includes('<iframe>'), 'the words are there')
    })
  },

  async 'each family survives alone as one answer'({ browser }) {
    const size = 30
    let part = 0
    const play = () => ({ text: PAYLOADS.slice(part * size, (part + 1) * size).join('\n\n'), pieces: 3, every: 1 })
    await withReport(browser, { play, files: BRIEF }, async ({ page, url }) => {
      for (; part * size < PAYLOADS.length; part += 1) {
        const id = await startRun(url, { panel: 'brief', question: PAYLOADS[part * size] })
        const result = await ended(url, id)
        assert.equal(result.status, 'completed', JSON.stringify(result.queries))
        await page.goto(`${url}/runs/${id}`)
        await page.getByTestId('answers').waitFor()
        await unharmed(page)
      }
    })
  },

  async 'hostile words of a provider that refuses are shown as words'({ browser }) {
    let at = 0
    const play = () => ({ status: 400, body: { error: { message: PAYLOADS.slice((at += 20), at + 20).join(' '), code: '__proto__', type: '<img src=x onerror=window.ran=1>' } } })
    await withReport(browser, { play }, async ({ page, url }) => {
      for (let round = 0; round < 4; round += 1) {
        const id = await startRun(url)
        await ended(url, id)
        await page.goto(`${url}/runs/${id}`)
        await status(page, 'failed')
        await handle(page)
        await unharmed(page)
      }
    })
  },

  async 'names that every object has are names like others'({ browser }) {
    const play = (query) => {
      const answer = structuredClone(ANSWERS[query])
      const text = JSON.stringify(answer)
      const keys = ['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty'].map((name) => `"${name}":{"polluted":1,"x":[{"__proto__":{"polluted":1}}]}`).join()
      if (query === COMPLIANCE) {
        answer.compliance_checks[0].items[0].check = 'constructor'
        return { text: `${JSON.stringify(answer).slice(0, -1)},${keys}}` }
      }
      return { text: `${text.slice(0, -1)},${keys}}` }
    }
    await withReport(browser, { play }, async ({ page, url }) => {
      const id = await startRun(url, { positions: [{ item_name: 'constructor', quantity: 1, unit: '__proto__' }] })
      await ended(url, id)
      for (const query of ['', '?row=__proto__', '?risk=constructor', '?finding=toString']) {
        await page.goto(`${url}/runs/${id}${query}`)
        await page.getByTestId('run-header').or(page.locator('.run-header')).first().waitFor()
        await unharmed(page)
      }
    })
  },
}
