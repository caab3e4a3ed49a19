// A run on the page: live, reloaded, cut off, cancelled, in parts, and failed. Every state is caused at the server.

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { CUT_OFF, openPage, root } from './lab.mjs'
import { ANSWERS, COMPLIANCE, startProvider, startRelay, startServerWith } from './provider.mjs'
import { passed, record, written } from './recording.mjs'

const shots = join(root, 'tests/e2e/shots')
mkdirSync(shots, { recursive: true })
const shoot = (page, name) => page.screenshot({ path: join(shots, `${name}.png`), fullPage: true })

const QUESTION = 'Foundation strip 45 m x 0.8 m x 0.6 m, groundwater pH 6.2, C30/37 XC4 XF3'
const status = (page, value, timeout = 20_000) =>
  page.locator(`[data-testid=run-status][data-status=${value}]`).waitFor({ timeout })
const rowIn = (page, phase) => page.locator(`[data-testid=query-row][data-phase=${phase}]`).first().waitFor()

/** Opens the page and asks. */
async function ask(page, url, question = QUESTION) {
  await page.goto(`${url}/`)
  await page.getByTestId('question').fill(question)
  await page.getByTestId('run-button').click()
  await page.waitForURL('**/runs/run_*')
}

/** A page over a server over a provider that plays `play`; all of it is gone afterwards. */
async function withLab(browser, { play, limits, relayed = false, options }, use) {
  const provider = await startProvider(play)
  const server = await startServerWith(provider, limits)
  const relay = relayed ? await startRelay(server) : undefined
  const url = relay?.url ?? server.url
  const opened = await openPage(browser, { url }, options)
  try {
    await use({ ...opened, url, provider, relay, server })
  } finally {
    await opened.close()
    relay?.stop()
    await server.stop()
    provider.stop()
  }
}

export const tests = {
  async 'the strip is audited without a key'({ server, browser }) {
    const { page, complaints, close } = await openPage(browser, server)
    await page.goto(`${server.url}/`)
    await shoot(page, 'form')
    await page.getByRole('button', { name: 'Strip foundation' }).click()
    await page.getByTestId('run-button').click()
    await status(page, 'completed')
    const report = await page.getByTestId('report').innerText()
    for (const part of ['108 m2 against 54.96 m2', '22.5 against 21.6 m3 (+4.2 %)', 'pH 6.2 is XA1', '100 kg/m3 of steel is plausible', 'No model was asked']) {
      assert.ok(report.includes(part), part)
    }
    await shoot(page, 'result')
    assert.deepEqual(complaints, [])
    await close()
  },

  async 'a simulated run is marked, retries once and survives a reload'({ server, browser }) {
    const { page, complaints, close } = await openPage(browser, server)
    await record(page)
    await page.goto(`${server.url}/`)
    await page.getByTestId('simulate-button').click()
    await page.waitForURL('**/runs/run_*')
    await page.getByTestId('sample-band').waitFor()
    const attempted = page.locator(`[data-testid=query-row][data-query=${COMPLIANCE}][data-attempt="2"]`)
    await attempted.waitFor()
    await passed(page, /^\w+ streaming$/)
    const address = page.url()
    await page.reload()
    assert.equal(page.url(), address)
    await attempted.waitFor()
    await shoot(page, 'live')
    await status(page, 'completed')
    assert.equal(await page.getByTestId('query-row').count(), 2)
    await page.getByTestId('sample-band').waitFor()
    assert.deepEqual(complaints, [])
    await close()
  },

  async 'a cut connection is picked up where it broke'({ browser }) {
    const play = () => ({ first: 300, every: 100, pieces: 40 })
    await withLab(browser, { play, relayed: true, options: { allow: [CUT_OFF] } }, async ({ page, url, provider, relay }) => {
      await record(page)
      await ask(page, url)
      await rowIn(page, 'streaming')
      const before = await written(page)
      const resumed = page.waitForRequest((request) => /\.\d+$/.test(request.headers()['last-event-id'] ?? ''))
      relay.cut()
      await resumed
      const lost = await passed(page, /^conn-state reconnecting$/, { from: before })
      await passed(page, /^conn-state live$/, { from: lost })
      await status(page, 'completed')
      assert.equal(provider.seen.calls, 2, 'nobody was asked again')
    })
  },

  async 'a killed server comes back and the page goes on by itself'({ browser }) {
    const play = (query) => (query === COMPLIANCE ? {} : { first: 300, every: 100, pieces: 40 })
    await withLab(browser, { play, options: { allow: [CUT_OFF] } }, async ({ page, url, provider, server }) => {
      await record(page)
      await ask(page, url)
      await page.locator(`[data-query=${COMPLIANCE}][data-phase=done]`).waitFor()
      await rowIn(page, 'streaming')
      await server.kill()
      await page.locator('[data-testid=conn-state]:not([data-state=live])').waitFor()
      await shoot(page, 'server-gone')
      const gone = await written(page)
      await server.revive()
      await passed(page, /^conn-state live$/, { from: gone })
      await page.locator('[data-testid=query-row][data-attempt="2"]').waitFor()
      await shoot(page, 'server-back')
      await status(page, 'completed')
      assert.equal(await page.getByTestId('query-row').count(), 2)
      assert.equal(provider.seen.calls, 3, 'what was answered is not asked again')
    })
  },

  async 'what is missing is named and is no risk'({ browser }) {
    const play = (query) => (query === COMPLIANCE ? { status: 500 } : {})
    await withLab(browser, { play }, async ({ page, url, complaints }) => {
      await ask(page, url)
      await status(page, 'partial')
      await page.getByTestId('not-checked').waitFor()
      assert.ok(!(await page.getByTestId('report').innerText()).includes('Compliance check failed'))
      await page.locator(`[data-query=${COMPLIANCE}][data-phase=failed]`).waitFor()
      await shoot(page, 'partial')
      assert.deepEqual(complaints, [])
    })
  },

  async 'a silent model fails its query alone'({ browser }) {
    const play = (query) => (query === COMPLIANCE ? { first: Infinity } : {})
    await withLab(browser, { play, limits: 'first_content = "1s"' }, async ({ page, url }) => {
      await ask(page, url)
      await status(page, 'partial')
      assert.match(await page.locator(`[data-query=${COMPLIANCE}]`).innerText(), /first token/i)
    })
  },

  async 'a run without any answer shows its reasons and no report'({ browser }) {
    await withLab(browser, { play: () => ({ status: 401 }) }, async ({ page, url, complaints }) => {
      await ask(page, url)
      await status(page, 'failed')
      const failure = await page.getByTestId('total-failure').innerText()
      assert.match(failure, /asks for a key \(401\)/)
      assert.match(failure, /^2 of 2 queries$/m)
      assert.equal(await page.getByTestId('verdict').count(), 0)
      await shoot(page, 'failed')
      // No second run would cure a key that is refused.
      assert.equal(await page.getByTestId('total-failure').locator('.primary').innerText(), 'Check the providers')
      await page.getByTestId('see-providers').click()
      await page.locator('[data-testid=provider-row][data-provider=lab]').waitFor()
      assert.deepEqual(complaints, [])
    })
  },

  async 'cancel reaches the provider'({ browser }) {
    const play = () => ({ first: 100, every: 100, pieces: 200 })
    await withLab(browser, { play }, async ({ page, url, provider }) => {
      await ask(page, url)
      await rowIn(page, 'streaming')
      await page.getByTestId('cancel-run').click()
      await status(page, 'cancelled', 3000)
      assert.equal(provider.seen.open, 0, 'its connections are closed')
      await shoot(page, 'cancelled')
    })
  },

  async 'text of a model is text'({ browser }) {
    const evil = '<img src=x onerror="window.ran=1"><script>window.ran=1</script>[a](javascript:window.ran=1)'
    const play = (query) => {
      const answer = structuredClone(ANSWERS[query])
      if (query === COMPLIANCE) answer.compliance_status.summary = evil
      return { text: JSON.stringify(answer) }
    }
    await withLab(browser, { play }, async ({ page, url, complaints }) => {
      await ask(page, url)
      await status(page, 'completed')
      assert.ok((await page.getByTestId('report').innerText()).includes(evil))
      await page.reload()
      await status(page, 'completed')
      assert.equal(await page.evaluate(() => window.ran), undefined)
      assert.deepEqual(complaints, [])
    })
  },

  async 'a narrow page in the dark does not scroll sideways'({ server, browser }) {
    const { page, complaints, close } = await openPage(browser, server, { viewport: { width: 360, height: 780 }, colorScheme: 'dark' })
    await ask(page, server.url)
    await status(page, 'completed')
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
    assert.ok(wide <= 0, `${wide} px too wide`)
    await shoot(page, 'narrow')
    assert.deepEqual(complaints, [])
    await close()
  },
}
