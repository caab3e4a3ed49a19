// The page for everybody: judged by axe, narrow, magnified, with other spacing, colours, contrast and motion.

import assert from 'node:assert/strict'
import { ANSWERS, COMPLIANCE } from './provider.mjs'
import { axe, judged, small, tooWide } from './judging.mjs'
import { openPage } from './lab.mjs'
import { POSITIONS, ended, shoot, startRun, status, withReport } from './reading.mjs'

const partly = (query) => (query === COMPLIANCE ? { status: 400 } : {})

/** A report of each kind. */
const REPORTS = [
  ['complete', () => ({}), 'completed'],
  ['partial', partly, 'partial'],
  ['failed', () => ({ status: 401 }), 'failed'],
]

export const tests = {
  async 'axe finds nothing grave on form and help'({ server, browser }) {
    const { page, close } = await openPage(browser, server)
    await page.goto(`${server.url}/`)
    await page.getByTestId('run-button').waitFor()
    await judged(page, 'form')
    await page.getByRole('button', { name: 'Strip foundation' }).click()
    await judged(page, 'filled form')
    await page.goto(`${server.url}/help`)
    await page.locator('h1').waitFor()
    await judged(page, 'help')
    await close()
  },

  async 'axe finds nothing grave while a run goes on'({ browser }) {
    await withReport(browser, { play: () => ({ first: 300, every: 200, pieces: 300 }) }, async ({ page, url }) => {
      const id = await startRun(url)
      await page.goto(`${url}/runs/${id}`)
      await page.locator('[data-testid=query-row][data-phase=streaming]').first().waitFor()
      await judged(page, 'live run')
      await page.locator('[data-testid=query-row] button').first().click()
      await judged(page, 'live run with details')
      await fetch(`${url}/api/v1/runs/${id}/cancel`, { method: 'POST' })
    })
  },

  async 'axe finds nothing grave on the pages beside the run'({ browser }) {
    await withReport(browser, { play: partly, options: { allow: [/status of 404/] } }, async ({ page, url }) => {
      const ids = [await startRun(url), await startRun(url)]
      for (const id of ids) await ended(url, id)
      const places = [
        ['/runs', 'history-row', 'history'],
        ['/providers', 'provider-row', 'providers'],
        [`/runs/${ids[0]}?tab=events`, 'frame-row', 'events'],
        [`/runs/compare?a=${ids[0]}&b=${ids[1]}`, 'compare-facts', 'comparison'],
        ['/runs/run_00000000000000000000000000', undefined, 'unknown run'],
        ['/nowhere', undefined, 'unknown page'],
      ]
      for (const [path, testid, name] of places) {
        await page.goto(`${url}${path}`)
        await (testid ? page.getByTestId(testid).first() : page.getByRole('heading', { level: 1 })).waitFor()
        await judged(page, name)
      }
    })
  },

  ...Object.fromEntries(
    REPORTS.map(([name, play, end]) => [
      `axe finds nothing grave on a ${name} report`,
      async ({ browser }) => {
        await withReport(browser, { play }, async ({ page, url }) => {
          const id = await startRun(url)
          await ended(url, id)
          await page.goto(`${url}/runs/${id}`)
          await status(page, end)
          await page.locator('.report').waitFor()
          await judged(page, `${name} report`)
          assert.deepEqual(await small(page), [])
        })
      },
    ]),
  ),

  async 'at 320 pixels, at 200 % and with other spacing nothing but the grid scrolls sideways'({ browser }) {
    const long = 'Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft'.repeat(3)
    const play = (query) => {
      const answer = structuredClone(ANSWERS[query])
      if (query === COMPLIANCE) Object.assign(answer.risks_identified[0], { title: long, id: long.slice(0, 40) })
      return { text: JSON.stringify(answer) }
    }
    await withReport(browser, { play, options: { viewport: { width: 320, height: 640 } } }, async ({ page, url }) => {
      const id = await startRun(url, { positions: [...POSITIONS, { item_name: long, quantity: 1, unit: 'm3' }] })
      await ended(url, id)
      await page.goto(`${url}/runs/${id}`)
      await page.getByTestId('report-status').waitFor()
      await page.evaluate(() => document.querySelectorAll('details').forEach((one) => (one.open = true)))
      assert.ok((await tooWide(page)) <= 0, `320 px: ${await tooWide(page)} px too wide`)
      await shoot(page, 'report-320')
      // 200 % of a window of 1280 pixels is one of 640.
      await page.setViewportSize({ width: 640, height: 450 })
      assert.ok((await tooWide(page)) <= 0, `200 %: ${await tooWide(page)} px too wide`)
      await page.evaluate(() => {
        const sheet = new CSSStyleSheet()
        sheet.replaceSync('* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important; } p { margin-bottom: 2em !important; }')
        document.adoptedStyleSheets = [sheet]
      })
      assert.ok((await tooWide(page)) <= 0, `spacing: ${await tooWide(page)} px too wide`)
      const cut = await page.evaluate(() => [...document.querySelectorAll('.report p, .report li, .report td, .report summary, .report .badge')].filter((one) => one.scrollHeight > one.clientHeight + 4 && getComputedStyle(one).overflowY === 'hidden').map((one) => one.textContent.slice(0, 60)))
      assert.deepEqual(cut, [], 'nothing is cut off')
      await shoot(page, 'report-spacing')
    })
  },

  async 'forced colours, more contrast and less motion keep every mark'({ browser }) {
    await withReport(browser, { play: partly }, async ({ page, url }) => {
      const id = await startRun(url)
      await ended(url, id)
      await page.goto(`${url}/runs/${id}`)
      await page.getByTestId('report-status').waitFor()
      await page.emulateMedia({ forcedColors: 'active' })
      const flag = page.locator('.bill .flagged .flag').first()
      assert.notEqual(await flag.evaluate((one) => getComputedStyle(one).outlineStyle), 'none')
      assert.notEqual(await page.getByTestId('not-checked').evaluate((one) => getComputedStyle(one).borderLeftStyle), 'none')
      await shoot(page, 'report-forced')
      await page.emulateMedia({ forcedColors: 'none', contrast: 'more' })
      await page.evaluate(axe)
      const contrast = await page.evaluate(async () => (await globalThis.axe.run(document, { runOnly: ['color-contrast'] })).violations.length)
      assert.equal(contrast, 0)
      await shoot(page, 'report-contrast', {})
      await page.emulateMedia({ contrast: 'no-preference', reducedMotion: 'reduce' })
      const moving = await page.evaluate(() => [...document.querySelectorAll('*')].filter((one) => !['0s', ''].includes(getComputedStyle(one).transitionDuration) || getComputedStyle(one).animationName !== 'none').map((one) => one.outerHTML.slice(0, 60)))
      assert.deepEqual(moving, [])
    })
  },

  async 'the report has one tab stop for its grid and a way in for keys everywhere'({ browser }) {
    await withReport(browser, {}, async ({ page, url }) => {
      const id = await startRun(url)
      await ended(url, id)
      await page.goto(`${url}/runs/${id}`)
      await page.getByTestId('report-status').waitFor()
      assert.equal(await page.locator('.bill td[tabindex="0"]').count(), 1)
      assert.equal(await page.locator('h1').count(), 1)
      assert.equal(await page.locator('[aria-live]').count(), 2)
      assert.ok((await page.locator('[tabindex]').evaluateAll((all) => all.every((one) => one.tabIndex <= 0))))
    })
  },
}
