// What a reader sees of a running run and can do with it. Every state is caused at the server.

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { CUT_OFF, openPage, root } from './lab.mjs'
import { startPanel } from './panel.mjs'
import { COMPLIANCE, COMPREHENSIVE, startProvider, startServerWith } from './provider.mjs'
import { passed, record } from './recording.mjs'

const shots = join(root, 'tests/e2e/shots')
mkdirSync(shots, { recursive: true })
const shoot = (page, name) => page.screenshot({ path: join(shots, `live-${name}.png`), fullPage: true })

const LONG = 20_000
const status = (page, value) => page.locator(`[data-testid=run-status][data-status=${value}]`).waitFor({ timeout: LONG })
const row = (page, id) => page.locator(`[data-testid=query-row][data-query=${id}]`)
const phase = (page, id, value) => page.locator(`[data-query=${id}][data-phase=${value}]`).waitFor({ timeout: LONG })
const says = async (page, id, pattern) => {
  await page.waitForFunction(
    ([id, source]) => new RegExp(source).test(document.querySelector(`[data-query=${id}] .doing`)?.textContent ?? ''),
    [id, pattern.source],
    { timeout: LONG },
  ).catch(async () => assert.match(await row(page, id).locator('.doing').innerText(), pattern))
}
const SLOW = 'first-200-total-60000-tokens-3000'
const QUICK = 'first-50-total-300-tokens-40'

/** A page that shows a run of `queries`; all of it is gone afterwards. */
async function watching(browser, setup, use, options) {
  const server = await startPanel(setup)
  const opened = await openPage(browser, server, options)
  try {
    await record(opened.page)
    const id = await server.ask(setup.options)
    await opened.page.goto(`${server.url}/runs/${id}`)
    await use({ ...opened, server, id })
  } finally {
    await opened.close()
    await server.stop()
  }
}

export const tests = {
  async 'one query is cancelled and the rest goes on'({ browser }) {
    const queries = [{ id: 'long', model: SLOW }, { id: 'short', model: 'first-200-total-4000-tokens-200' }]
    await watching(browser, { queries }, async ({ page, complaints, server, id }) => {
      await phase(page, 'long', 'streaming')
      await page.waitForFunction(() => /[1-9]\d* tokens/.test(document.querySelector('[data-query=long] .figures-line')?.textContent ?? ''))
      const button = row(page, 'long').getByTestId('query-cancel')
      await button.focus()
      await button.press('Enter')
      await phase(page, 'long', 'cancelled')
      await says(page, 'long', /^Cancelled after /)
      assert.match(await row(page, 'long').innerText(), /\d+ tokens\s+·\s+free/)
      const focused = await page.evaluate(() => [document.activeElement?.closest('tr')?.dataset.query, document.activeElement?.textContent])
      assert.deepEqual(focused, ['long', 'View partial'], 'focus stays on the same spot')
      await shoot(page, 'cancelled-one')
      await status(page, 'partial')
      const { queries } = await server.look(id)
      assert.deepEqual(queries.map((query) => query.status), ['cancelled', 'succeeded'], 'the rest went on')
      await page.keyboard.press('Enter')
      await page.getByTestId('transcript').waitFor()
      assert.match(await page.getByTestId('transcript').innerText(), /incomplete[\s\S]*fault lab/)
      assert.deepEqual(complaints, [])
    })
  },

  async 'a paused run starts nothing, and its limit stands still'({ browser }) {
    const queries = [{ id: 'first', model: 'first-200-total-6000-tokens-240' }, { id: 'second', model: QUICK, needs: ['first'] }]
    await watching(browser, { queries, options: { run_timeout_ms: 25_000 } }, async ({ page, server, id }) => {
      await phase(page, 'first', 'streaming')
      await page.getByTestId('pause-run').click()
      await status(page, 'paused')
      assert.equal((await server.look(id)).status, 'paused')
      await phase(page, 'first', 'done')
      await phase(page, 'second', 'paused')
      await says(page, 'second', /^Paused/)
      await page.locator('#notice', { hasText: 'Calls that are under way finish' }).waitFor()
      await shoot(page, 'paused')
      await page.getByRole('button', { name: 'Resume run' }).click()
      await status(page, 'completed')
      await page.locator('[data-query=second] .segment[data-phase=paused]').waitFor()
      await shoot(page, 'resumed')
    })
  },

  async 'a run is finished with what is there'({ browser }) {
    const queries = [{ id: 'quick', model: QUICK }, { id: 'endless', model: SLOW }]
    await watching(browser, { queries }, async ({ page }) => {
      await phase(page, 'quick', 'done')
      await page.getByTestId('finish-run').press('Enter')
      await status(page, 'partial')
      await page.waitForFunction(() => document.activeElement?.tagName === 'H1')
      await phase(page, 'endless', 'cancelled')
      assert.equal(await page.getByTestId('finish-run').count(), 0, 'it is absent where it would do nothing')
      await shoot(page, 'finished')
    })
  },

  async 'a frozen view stands still while the run goes on'({ browser }) {
    await watching(browser, { queries: [{ id: 'only', model: 'first-100-total-8000-tokens-800' }] }, async ({ page, server, id }) => {
      await phase(page, 'only', 'streaming')
      await page.getByTestId('freeze-view').click()
      const held = await page.locator('.timeline').innerText()
      const clock = await page.getByTestId('run-elapsed').innerText()
      await page.getByRole('button', { name: /[1-9]\d* updates behind/ }).waitFor()
      await shoot(page, 'frozen')
      while ((await server.look(id)).status !== 'completed') await page.waitForTimeout(100)
      assert.equal(await page.locator('.timeline').innerText(), held)
      assert.equal(await page.getByTestId('run-elapsed').innerText(), clock)
      await page.getByTestId('freeze-view').click()
      await status(page, 'completed')
      assert.equal(await page.getByTestId('freeze-view').count(), 0)
    })
  },

  async 'what did not succeed is retried in a run of its own'({ browser }) {
    const queries = [{ id: 'good', model: QUICK }, { id: 'bad', model: 'u69-503-once#retried' }]
    await watching(browser, { queries, limits: 'retry = { attempts = 1 }' }, async ({ page, id, complaints }) => {
      await status(page, 'partial')
      await says(page, 'bad', /^Failed: /)
      await shoot(page, 'failed-one')
      await page.getByTestId('retry-run').click()
      await page.waitForURL((url) => !url.pathname.endsWith(id))
      await status(page, 'completed')
      await says(page, 'good', /^Kept from the run/)
      await shoot(page, 'retry')
      const later = page.url()
      await page.getByTestId('retry-of').click()
      await page.waitForURL(`**/runs/${id}`)
      await page.getByTestId('retried-by').click()
      await page.waitForURL(later)
      assert.deepEqual(complaints, [])
    })
  },

  async 'rows say why they wait'({ browser }) {
    const queries = [
      { id: 'first', model: 'first-200-total-4000-tokens-200' },
      { id: 'next', model: QUICK },
      { id: 'third', model: QUICK },
      { id: 'summary', model: QUICK, needs: ['first', 'third'] },
    ]
    await watching(browser, { queries, limits: 'max_in_flight = 1' }, async ({ page }) => {
      await passed(page, /^next: Queued: calls to lab take turns, next in line$/)
      await passed(page, /^third: Queued: calls to lab take turns, 1 ahead$/)
      await passed(page, /^summary: Waits for First, Third$/)
      await row(page, 'summary').hover()
      await page.locator('[data-query=third].needed').waitFor()
      await shoot(page, 'queued')
    })
  },

  async 'a provider that answers one after another is told of'({ browser }) {
    const queries = ['one', 'two', 'three'].map((id) => ({ id, model: 'first-100-total-700-tokens-40' }))
    await watching(browser, { queries, limits: 'max_in_flight = 1' }, async ({ page }) => {
      await status(page, 'completed')
      assert.match(await page.getByTestId('run-notes').innerText(), /lab answered its 3 queries one after another/)
      await shoot(page, 'one-after-another')
    })
  },

  async 'a retry counts its seconds, a fallback says from whom, a skipped query what it needs'({ browser }) {
    const queries = [
      { id: 'throttled', model: 'status-429-retry-5-once#a' },
      { id: 'silent', model: ['u9-silent', `spare/${QUICK}`], lines: 'first_content = "1s"' },
      { id: 'refused', model: 'status-400' },
      { id: 'needy', model: QUICK, needs: ['refused'] },
    ]
    await watching(browser, { queries }, async ({ page }) => {
      await passed(page, /^throttled: Waiting 5\.\d s before attempt 2: /)
      await says(page, 'needy', /^Skipped: needs "Refused", which failed$/)
      await says(page, 'silent', /^Done in .* on fallback \(lab: No first token within 1 s/)
      await row(page, 'silent').locator('.segment.switched').waitFor()
      await shoot(page, 'reasons')
      await status(page, 'partial')
    })
  },

  async 'a run without a place says so'({ browser }) {
    const queries = [{ id: 'only', model: 'first-100-total-6000-tokens-100' }]
    const server = await startPanel({ queries, config: '[limits]\nactive_runs = 1\n' })
    const { page, close } = await openPage(browser, server)
    try {
      await server.ask()
      const id = await server.ask()
      await page.goto(`${server.url}/runs/${id}`)
      await status(page, 'queued')
      await says(page, 'only', /waits for a place/)
      assert.equal(await page.getByTestId('pause-run').count(), 0)
      await shoot(page, 'no-place')
      await status(page, 'completed')
    } finally {
      await close()
      await server.stop()
    }
  },

  async 'a restart of the server is told with what was kept'({ browser }) {
    const queries = [{ id: 'early', model: QUICK }, { id: 'late', model: 'first-100-total-5000-tokens-300' }]
    await watching(browser, { queries }, async ({ page, server }) => {
      await phase(page, 'early', 'done')
      await phase(page, 'late', 'streaming')
      await server.kill()
      await page.getByRole('button', { name: 'Try now' }).waitFor({ timeout: LONG })
      assert.match(await page.locator('#notice').innerText(), /last news \d+ s ago.*Next try in \d+ s/s)
      await page.locator('.timeline[data-stale=true]').waitFor()
      const clock = await page.getByTestId('run-elapsed').innerText()
      await shoot(page, 'no-server')
      assert.equal(await page.getByTestId('run-elapsed').innerText(), clock, 'bars stop growing')
      await server.revive()
      await page.getByRole('button', { name: 'Try now' }).click({ timeout: 2000 }).catch(() => undefined)
      await page.locator('#notice', { hasText: /Caught up: \d+ event/ }).waitFor({ timeout: LONG })
      assert.match(await page.getByTestId('run-notes').innerText(), /The server restarted at \d\d:\d\d:\d\d\. Answers kept: 1 of 2; the rest is asked again/)
      await shoot(page, 'restarted')
      await status(page, 'completed')
    }, { allow: [CUT_OFF] })
  },

  async 'a JSON answer fills in section by section'({ browser }) {
    const provider = await startProvider((query) => (query === COMPLIANCE ? {} : { first: 200, every: 100, pieces: 100 }))
    const server = await startServerWith(provider)
    const { page, complaints, close } = await openPage(browser, server)
    try {
      await page.goto(`${server.url}/`)
      await page.getByTestId('question').fill('Foundation strip 45 m x 0.8 m x 0.6 m, C30/37 XC4')
      await page.getByTestId('run-button').click()
      await phase(page, COMPREHENSIVE, 'streaming')
      await row(page, COMPREHENSIVE).locator('.row-title').click()
      await page.locator('.received section h4 .mark').nth(1).waitFor()
      await page.locator('.part-open').waitFor()
      // Between two sections there may be nothing to show for a moment.
      const preview = await row(page, COMPREHENSIVE).locator('.preview', { hasText: /.{4}/ }).innerText()
      assert.doesNotMatch(preview, /[{}"]/)
      await shoot(page, 'sections')
      await page.getByTestId('raw-answer').click()
      assert.match(await page.locator('.received.mono').innerText(), /^\s*\{/)
      await page.getByTestId('raw-answer').click()
      await status(page, 'completed')
      assert.equal(await page.locator('.part-open').count(), 0)
      await shoot(page, 'sections-done')
      assert.deepEqual(complaints, [])
    } finally {
      await close()
      await server.stop()
      provider.stop()
    }
  },

  async 'the complete parts of a cut answer can be read'({ browser }) {
    const provider = await startProvider((query) => (query === COMPLIANCE ? {} : { first: 50, every: 20, pieces: 40, cut: 30 }))
    const server = await startServerWith(provider, 'retry = { attempts = 1 }')
    const { page, close } = await openPage(browser, server)
    try {
      await page.goto(`${server.url}/`)
      await page.getByTestId('question').fill('Foundation strip 45 m x 0.8 m x 0.6 m, C30/37 XC4')
      await page.getByTestId('run-button').click()
      await status(page, 'partial')
      await row(page, COMPREHENSIVE).getByTestId('query-view').click()
      await page.locator('.received section').first().waitFor()
      assert.match(await page.getByTestId('transcript').innerText(), /unchecked/)
      assert.match(await page.getByTestId('query-notes').innerText(), /parts are complete and kept/)
      await shoot(page, 'partial-answer')
    } finally {
      await close()
      await server.stop()
      provider.stop()
    }
  },

  async 'a transcript lets go at the first step up, and the page never scrolls'({ browser }) {
    await watching(browser, { queries: [{ id: 'only', model: 'first-100-total-12000-tokens-6000' }] }, async ({ page }) => {
      await phase(page, 'only', 'streaming')
      await row(page, 'only').locator('.row-title').click()
      const box = page.locator('.received')
      await page.waitForFunction(() => (document.querySelector('.received')?.scrollTop ?? 0) > 200)
      const away = () => box.evaluate((element) => element.scrollHeight - element.scrollTop - element.clientHeight)
      assert.ok((await away()) <= 24, 'it follows')
      const scrolled = await page.evaluate(() => window.scrollY)
      await box.hover()
      await page.mouse.wheel(0, -10)
      await page.getByTestId('latest').waitFor()
      const left = await box.evaluate((element) => element.scrollTop)
      const height = await box.evaluate((element) => element.scrollHeight)
      await page.waitForFunction((height) => (document.querySelector('.received')?.scrollHeight ?? 0) > height + 100, height)
      assert.ok((await box.evaluate((element) => element.scrollTop)) <= left, 'it stays where the reader is')
      await page.getByTestId('latest').click()
      await page.waitForFunction(() => {
        const element = document.querySelector('.received')
        return element !== null && element.scrollHeight - element.scrollTop - element.clientHeight <= 24
      })
      assert.equal(await page.evaluate(() => window.scrollY), scrolled)
    })
  },

  async 'the keyboard moves, opens, closes and asks before it cancels'({ browser }) {
    const queries = ['one', 'two', 'three'].map((id) => ({ id, model: SLOW }))
    await watching(browser, { queries }, async ({ page, server, id }) => {
      await phase(page, 'three', 'streaming')
      await page.locator('#row-one').focus()
      await page.keyboard.press('ArrowDown')
      await page.keyboard.press('ArrowDown')
      assert.equal(await page.evaluate(() => document.activeElement?.id), 'row-three')
      assert.deepEqual(await page.locator('.row-title[tabindex="0"]').evaluateAll((all) => all.map((one) => one.id)), ['row-three'], 'Tab comes back here')
      await page.keyboard.press('Enter')
      await page.locator('#detail').waitFor()
      await page.keyboard.press('Escape')
      await page.locator('#detail').waitFor({ state: 'detached' })
      assert.equal((await server.look(id)).status, 'running', 'Esc cancels nothing')
      assert.match(await page.title(), /^\(0\/3\) /)
      await page.keyboard.press('Shift+Escape')
      await page.getByRole('dialog').waitFor()
      await shoot(page, 'confirm')
      await page.getByRole('button', { name: 'Keep it running' }).click()
      await page.keyboard.press('Shift+Escape')
      await page.getByRole('dialog').getByRole('button', { name: 'Cancel run' }).click()
      await status(page, 'cancelled')
      assert.equal(await page.evaluate(() => document.activeElement?.id), 'row-three', 'focus is back where it was')
      assert.match(await page.locator('link[rel=icon]').getAttribute('href'), /icon-failed/)
    })
  },

  async 'screen readers hear of six queries in a few sentences and never the text'({ browser }) {
    const queries = Array.from({ length: 6 }, (_, index) => ({ id: `query-${index}`, model: `first-100-total-${1500 + index * 900}-tokens-100` }))
    const server = await startPanel({ queries })
    const { page, close } = await openPage(browser, server)
    try {
      const id = await server.ask()
      await page.addInitScript(() => {
        window.heard = []
        document.addEventListener('DOMContentLoaded', () => {
          const listen = () => window.heard.push(document.getElementById('live-polite')?.textContent ?? '')
          new MutationObserver(listen).observe(document.getElementById('live-polite'), { childList: true, characterData: true, subtree: true })
        })
      })
      await page.goto(`${server.url}/runs/${id}`)
      await status(page, 'completed')
      await page.waitForFunction(() => window.heard.some((said) => said.startsWith('The run has ended')))
      const heard = (await page.evaluate(() => window.heard)).filter(Boolean)
      assert.ok(heard.length >= 2 && heard.length <= 12, heard.join('\n'))
      assert.ok(!heard.some((said) => said.includes('fault lab')), 'no streamed text')
      assert.equal(await page.locator('[aria-live], [role=alert], [role=status], [role=log]').count(), 2)
    } finally {
      await close()
      await server.stop()
    }
  },

  async 'sixty queries draw only the rows near the screen'({ browser }) {
    const queries = Array.from({ length: 60 }, (_, index) => ({ id: `query-${index + 1}`, model: 'first-100-total-3000-tokens-60' }))
    await watching(browser, { queries, limits: 'max_in_flight = 60' }, async ({ page, complaints }) => {
      await row(page, 'query-1').waitFor()
      assert.ok((await page.getByTestId('query-row').count()) < 45)
      const height = await page.locator('.timeline tbody').evaluate((body) => body.getBoundingClientRect().height)
      assert.ok(Math.abs(height - 60 * 60) < 61, `${height} px for 60 rows`)
      await page.evaluate(() => window.scrollTo(0, 60 * 55))
      await row(page, 'query-60').waitFor()
      assert.equal(await row(page, 'query-1').count(), 0)
      await status(page, 'completed')
      await shoot(page, 'sixty')
      assert.deepEqual(complaints, [])
    })
  },

  async 'every control is large enough, also on a narrow page in the dark'({ browser }) {
    const queries = [{ id: 'quick', model: QUICK }, { id: 'slow', model: SLOW }, { id: 'queued', model: SLOW, needs: ['slow'] }]
    const narrow = { viewport: { width: 360, height: 780 }, colorScheme: 'dark' }
    await watching(browser, { queries }, async ({ page }) => {
      await phase(page, 'quick', 'done')
      await phase(page, 'slow', 'streaming')
      await row(page, 'slow').locator('.row-title').click()
      await page.locator('.received').waitFor()
      await shoot(page, 'narrow')
      const small = await page.evaluate(() =>
        [...document.querySelectorAll('main button, main a, main input, main summary')]
          .filter((element) => element.checkVisibility())
          .map((element) => [element.textContent, element.getBoundingClientRect()])
          .filter(([, { width, height }]) => width < 24 || height < 24)
          .map(([text, { width, height }]) => `${text}: ${width} x ${height}`))
      assert.deepEqual(small, [])
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
      assert.ok(wide <= 0, `${wide} px too wide`)
      await page.setViewportSize({ width: 1280, height: 900 })
      await shoot(page, 'dark')
    }, narrow)
  },

  async 'the end of a run is told outside the page to who asked for it'({ browser }) {
    const queries = [{ id: 'only', model: 'first-100-total-7000-tokens-100' }]
    await watching(browser, { queries }, async ({ page, server, id }) => {
      await page.context().grantPermissions(['notifications'], { origin: server.url })
      await page.addInitScript(() => {
        window.told = []
        window.Notification = class extends Notification {
          constructor(title, options) {
            super(title, options)
            window.told.push(title)
          }
        }
      })
      await page.reload()
      await page.getByTestId('notify').click()
      await page.locator('[data-testid=notify][aria-pressed=true]').waitFor()
      await status(page, 'completed')
      await page.waitForFunction(() => window.told.length > 0)
      assert.deepEqual(await page.evaluate(() => window.told), ['Complete: Is the slab safe?'])
      assert.equal(await page.getByTestId('notify').count(), 0)
      assert.match(await page.title(), /^Complete: Is the slab safe\?/)
      // Nobody is told who did not ask, and a run that had ended tells nobody.
      await page.goto(`${server.url}/runs/${id}`)
      await status(page, 'completed')
      assert.deepEqual(await page.evaluate(() => window.told), [])
      await page.locator('#live-runs:empty').waitFor({ state: 'attached' })
    })
  },

  async 'a row that is open stands in the address'({ browser }) {
    const queries = [{ id: 'first', model: QUICK }, { id: 'second', model: QUICK }]
    await watching(browser, { queries }, async ({ page }) => {
      await status(page, 'completed')
      await row(page, 'second').getByTestId('query-view').click()
      await page.waitForURL('**?query=second')
      await page.reload()
      await page.locator('#detail').getByRole('heading', { name: 'Second' }).waitFor()
      await page.getByTestId('events-tab').click()
      await page.waitForURL('**?query=second&tab=events')
      await page.getByRole('button', { name: 'Close details' }).click()
      await page.waitForURL('**?tab=events')
    })
  },

  async 'a clock that is wrong by hours moves no bar'({ browser }) {
    const queries = [{ id: 'only', model: 'first-100-total-6000-tokens-200' }]
    await watching(browser, { queries }, async ({ page, server, id }) => {
      await page.addInitScript(() => {
        const Right = Date
        const late = 3 * 3600 * 1000
        window.Date = class extends Right {
          constructor(...parts) {
            super(...(parts.length === 0 ? [Right.now() + late] : parts))
          }
          static now() {
            return Right.now() + late
          }
        }
      })
      await page.reload()
      await phase(page, 'only', 'streaming')
      for (const look of [1, 2, 3]) {
        const before = (await server.look(id)).elapsed_ms
        const [minutes, seconds] = (await page.getByTestId('run-elapsed').innerText()).split(':').map(Number)
        const after = (await server.look(id)).elapsed_ms
        const shown = (minutes * 60 + seconds) * 1000
        assert.ok(shown > before - 1500 && shown < after + 1500, `look ${look}: ${shown} ms between ${before} and ${after}`)
        await page.waitForFunction((text) => document.querySelector('[data-testid=run-elapsed]').textContent !== text, await page.getByTestId('run-elapsed').innerText())
      }
      await status(page, 'completed')
    })
  },

  async 'an unknown run is a page that says so'({ server, browser }) {
    const { page, close } = await openPage(browser, server, { allow: [/status of 404/] })
    await page.goto(`${server.url}/runs/run_00000000000000000000000000`)
    await page.getByRole('heading', { level: 1 }).waitFor()
    await shoot(page, 'unknown')
    assert.match(await page.locator('main').innerText(), /run_0{26}/)
    await close()
  },
}
