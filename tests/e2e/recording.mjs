// States that stand only for a moment: written down by the page itself as they pass, so that no look comes too late.

import assert from 'node:assert/strict'

/**
 * Has every document of `page` write down what it shows from its first change on: the connection and the
 * status of the run as `conn-state live` and `run-status queued`, of each query its phase and its words.
 */
export function record(page) {
  return page.addInitScript(() => {
    const passed = (globalThis.passed = [])
    const last = new Map()
    const note = (of, shown) => {
      if (last.get(of) === shown) return
      last.set(of, shown)
      passed.push(`${of} ${shown}`)
    }
    const look = () => {
      for (const one of document.querySelectorAll('[data-testid=conn-state]')) note('conn-state', one.dataset.state)
      for (const one of document.querySelectorAll('[data-testid=run-status]')) note('run-status', one.dataset.status)
      for (const one of document.querySelectorAll('[data-testid=query-row]')) {
        note(one.dataset.query, one.dataset.phase)
        note(`${one.dataset.query}:`, one.querySelector('.doing')?.textContent)
      }
    }
    new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ['data-state', 'data-status', 'data-phase'] })
  })
}

/** How much was written down so far. */
export const written = (page) => page.evaluate(() => globalThis.passed.length)

/** Waits until something that fits `pattern` was written down after place `from`; the place after it. */
export async function passed(page, pattern, { from = 0, timeout = 20_000 } = {}) {
  const found = ([source, from]) => globalThis.passed.findIndex((one, at) => at >= from && new RegExp(source).test(one)) + 1
  const handle = await page.waitForFunction(found, [pattern.source, from], { timeout }).catch(() => undefined)
  if (handle !== undefined) return handle.jsonValue()
  assert.fail(`${pattern} never passed:\n${(await page.evaluate((from) => globalThis.passed.slice(from), from)).join('\n')}`)
}
