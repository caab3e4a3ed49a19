// What holds for every view: nothing that axe calls grave, two live regions, nothing wider than the window, nothing too small to hit.

import assert from 'node:assert/strict'
import { createRequire } from 'node:module'

/** The source of axe, to be evaluated in a page. */
export const axe = createRequire(import.meta.url)('axe-core').source
const GRAVE = ['serious', 'critical']

/** What axe calls serious or critical, in both themes; and that only the two regions of the frame speak. */
export async function judged(page, what) {
  const speaking = await page.locator('[aria-live], [role=alert], [role=status], [role=log]').evaluateAll((all) => all.map((one) => one.id))
  assert.deepEqual(speaking, ['live-polite', 'live-assertive'], what)
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme })
    await page.evaluate(axe)
    const found = await page.evaluate(async (grave) => {
      const { violations } = await globalThis.axe.run(document, { resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
      return violations.filter(({ impact }) => grave.includes(impact)).map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map(({ html, failureSummary }) => `${html.slice(0, 160)} (${failureSummary})`).join(' | ')}`)
    }, GRAVE)
    assert.deepEqual(found, [], `${what}, ${colorScheme}`)
  }
}

/** How much wider than the window the page is. */
export const tooWide = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)

/** Controls smaller than 24 by 24, apart from links within a sentence. */
export const small = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('main button, main summary, main input[type=checkbox]')]
      .filter((one) => one.getClientRects().length > 0)
      .map((one) => ({ one: one.closest('label') ?? one, name: (one.textContent || one.outerHTML).slice(0, 40) }))
      .map(({ one, name }) => ({ name, rect: one.getBoundingClientRect() }))
      .filter(({ rect }) => rect.height < 24 || rect.width < 24)
      .map(({ name, rect }) => `${name} ${Math.round(rect.width)} x ${Math.round(rect.height)}`),
  )
