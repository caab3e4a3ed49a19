// The list of runs and the providers, and the page below a path. Every state is caused at the server.

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { CUT_OFF, openPage, root, startServer } from './lab.mjs'
import { COMPLIANCE, startProvider, startServerWith } from './provider.mjs'

const shots = join(root, 'tests/e2e/shots')
mkdirSync(shots, { recursive: true })
const shoot = (page, name) => page.screenshot({ path: join(shots, `${name}.png`), fullPage: true })
const row = (page, run) => page.locator(`[data-testid=history-row][data-run="${run}"]`)

/** A run of the server; `wait` until it has ended. */
async function makeRun(url, question, { wait = true, model } = {}) {
  const answer = await fetch(`${url}/api/v1/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(wait ? { prefer: 'wait=30' } : {}) },
    body: JSON.stringify({ question, options: model ? { model } : {} }),
  })
  assert.ok(answer.ok, await answer.clone().text())
  return (await answer.json()).run_id
}

async function withServer(browser, { config, play, options }, use) {
  const provider = play && (await startProvider(play))
  const server = provider ? await startServerWith(provider, 'max_in_flight = 16\nbreaker = { failures = 2 }\nretry = { attempts = 1 }') : await startServer({ config })
  const opened = await openPage(browser, server, options)
  try {
    await use({ ...opened, server, url: server.url })
  } finally {
    await opened.close()
    await server.stop()
    provider?.stop()
  }
}

/** The same page dark and narrow. */
async function shootAll(page, name) {
  await shoot(page, name)
  await page.emulateMedia({ colorScheme: 'dark' })
  await shoot(page, `${name}-dark`)
  await page.emulateMedia({ colorScheme: 'light' })
  await page.setViewportSize({ width: 360, height: 800 })
  await shoot(page, `${name}-narrow`)
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360, 'nothing scrolls sideways')
  await page.setViewportSize({ width: 1280, height: 900 })
}

export const tests = {
  async 'an empty history offers the sample'({ browser }) {
    await withServer(browser, {}, async ({ page, url, complaints }) => {
      await page.goto(`${url}/runs`)
      await page.getByTestId('history-empty').waitFor()
      await shoot(page, 'history-empty')
      await page.getByTestId('history-empty').getByRole('link').click()
      await page.getByTestId('question').waitFor()
      await page.waitForFunction(() => document.querySelector('[data-testid=question]').value.includes('45'))
      assert.deepEqual(complaints, [])
    })
  },

  async 'the history shows what is under way and changes in place'({ browser }) {
    const play = (query, call) => (call <= 2 ? {} : call <= 4 && query === COMPLIANCE ? { status: 400 } : { first: 200, every: 100, pieces: 80 })
    await withServer(browser, { play }, async ({ page, url, complaints }) => {
      const whole = await makeRun(url, 'A strip foundation of 45 m')
      const partial = await makeRun(url, 'A hall slab of 900 m2')
      const live = await makeRun(url, 'A retaining wall', { wait: false })
      await page.goto(`${url}/`)
      await page.getByRole('link', { name: /^Runs/ }).click()
      await row(page, live).and(page.locator('[data-status=running]')).waitFor()
      assert.deepEqual(await page.getByTestId('history-row').evaluateAll((rows) => rows.map((one) => one.dataset.run)), [live, partial, whole])
      assert.equal(await row(page, partial).getAttribute('data-status'), 'partial')
      await shootAll(page, 'history')
      await row(page, live).and(page.locator('[data-status=completed]')).waitFor({ timeout: 30_000 })

      await page.getByTestId('history-search').fill('hall')
      await row(page, whole).waitFor({ state: 'detached' })
      await page.waitForURL('**/runs?q=hall')
      await page.reload()
      await row(page, partial).waitFor()
      assert.equal(await page.getByTestId('history-row').count(), 1)
      await page.getByTestId('history-search').fill('')
      await page.getByTestId('history-status').selectOption('partial')
      await row(page, live).waitFor({ state: 'detached' })
      await page.getByTestId('history-search').fill('no such run')
      await page.getByTestId('history-empty').getByRole('button').click()
      await row(page, whole).waitFor()

      await row(page, whole).getByRole('link').click()
      await page.getByTestId('run-header').waitFor()
      await page.goBack()
      await row(page, whole).waitFor()
      assert.deepEqual(complaints, [])
    })
  },

  async 'a run is renamed, deleted, taken back and deleted again'({ server, browser }) {
    const run = await makeRun(server.url, 'A pier of the old bridge', { model: 'rules' })
    const { page, complaints, close } = await openPage(browser, server)
    await page.goto(`${server.url}/runs`)
    const act = async (name) => {
      await row(page, run).getByTestId('history-menu').click()
      if (name === 'Rename') await shoot(page, 'history-menu')
      await page.getByRole('button', { name, exact: true }).click()
    }
    await act('Rename')
    await page.getByTestId('history-title').fill('Pier 3')
    await page.keyboard.press('Enter')
    await row(page, run).getByRole('link', { name: 'Pier 3' }).waitFor()
    await act('Delete')
    await page.getByTestId('history-leaving').waitFor()
    await shoot(page, 'history-undo')
    await page.getByRole('button', { name: /^Undo/ }).click()
    await row(page, run).waitFor()
    await act('Delete')
    // Whoever leaves means it.
    await page.getByRole('link', { name: 'Help' }).click()
    const listed = async () => (await (await fetch(`${server.url}/api/v1/runs?limit=200`)).json()).runs.some((one) => one.run_id === run)
    for (let tries = 0; (await listed()) && tries < 100; tries += 1) await page.waitForTimeout(50)
    assert.equal(await listed(), false)
    assert.equal((await fetch(`${server.url}/api/v1/runs/${run}`)).status, 200, 'it stays readable by its id')
    assert.deepEqual(complaints, [])
    await close()
  },

  async 'a simulated run says so in the list, and no other does'({ server, browser }) {
    const simulated = await makeRun(server.url, 'A simulated strip', { model: 'scripted', wait: false })
    const other = await makeRun(server.url, 'A strip of the rules', { model: 'rules' })
    const { page, complaints, close } = await openPage(browser, server)
    await page.goto(`${server.url}/runs`)
    await row(page, simulated).getByText('SIMULATED', { exact: true }).waitFor()
    assert.equal(await row(page, other).getByText('SIMULATED').count(), 0)
    await shootAll(page, 'history-simulated')
    assert.deepEqual(complaints, [])
    await close()
  },

  async 'a long history is read in parts and drawn in parts'({ browser }) {
    await withServer(browser, {}, async ({ page, url }) => {
      for (let n = 0; n < 130; n += 10) await Promise.all(Array.from({ length: 10 }, (_, m) => makeRun(url, `Wall ${n + m}`, { wait: false, model: 'rules' })))
      await page.goto(`${url}/runs`)
      await page.getByTestId('history-row').first().waitFor()
      for (const count of [100, 130]) {
        await page.getByTestId('history-more').click()
        await page.getByText(`${count} runs shown`).waitFor()
      }
      assert.equal(await page.getByTestId('history-more').count(), 0)
      assert.ok((await page.getByTestId('history-row').count()) < 80, 'rows out of sight are not drawn')
    })
  },

  async 'a history without its server says how old it is'({ browser }) {
    await withServer(browser, { options: { allow: [CUT_OFF] } }, async ({ page, url, server }) => {
      const run = await makeRun(url, 'A culvert', { model: 'rules' })
      await page.goto(`${url}/runs`)
      await row(page, run).waitFor()
      await server.kill()
      await page.getByText('List as of').waitFor({ timeout: 20_000 })
      await row(page, run).waitFor()
      await shoot(page, 'history-stale')
      await page.setViewportSize({ width: 320, height: 640 })
      const cut = await page.locator('#notice .notice-line').evaluate((line) => line.scrollHeight - line.clientHeight)
      assert.ok(cut <= 0, `${cut} px of the notice are cut off`)
      await page.setViewportSize({ width: 1280, height: 900 })
      await server.revive()
      await page.getByText('List as of').waitFor({ state: 'detached', timeout: 20_000 })
    })
  },

  async 'the providers are shown with their troubles, tested and reset'({ browser }) {
    await withServer(browser, { play: (_, call) => (call <= 2 ? { status: 500 } : {}) }, async ({ page, url, complaints }) => {
      await makeRun(url, 'A strip foundation')
      await makeRun(url, 'A strip foundation again')
      await page.goto(`${url}/providers`)
      const lab = page.locator('[data-testid=provider-row][data-provider=lab]')
      await lab.and(page.locator('[data-state=open]')).waitFor()
      await shootAll(page, 'providers')
      await lab.getByRole('button', { name: 'Reset breaker' }).click()
      await lab.and(page.locator('[data-state=ready]')).waitFor()
      await lab.getByRole('button', { name: 'Test now' }).click()
      await lab.getByTestId('provider-said').getByText('lab-1 answered in').waitFor()
      assert.deepEqual(complaints, [])
    })
  },

  async 'without a provider the page says how to add one'({ server, browser }) {
    const { page, close } = await openPage(browser, server)
    await page.goto(`${server.url}/providers`)
    await page.getByTestId('providers-empty').waitFor()
    await shoot(page, 'providers-none')
    await close()
  },

  async 'a page below a path runs an audit'({ browser }) {
    await withServer(browser, { config: '[server]\nbase_path = "/audit/"\n' }, async ({ page, url, complaints }) => {
      assert.ok(url.endsWith('/audit'))
      await page.goto(`${url}/`)
      await page.getByRole('button', { name: 'Strip foundation' }).click()
      await page.getByTestId('run-button').click()
      await page.waitForURL(`${url}/runs/run_*`)
      await page.locator('[data-testid=run-status][data-status=completed]').waitFor()
      const address = page.url()
      await page.reload()
      await page.getByTestId('report').waitFor()
      await page.getByTestId('events-tab').click()
      await page.getByTestId('events-list').waitFor()
      await page.getByRole('link', { name: /^Runs/ }).click()
      await page.waitForURL(`${url}/runs`)
      await page.getByTestId('history-row').getByRole('link').first().click()
      await page.waitForURL(address)
      await page.getByRole('link', { name: 'Help' }).click()
      await page.waitForURL(`${url}/help`)
      // Whatever leaves the path is a complaint.
      assert.deepEqual(complaints, [])
    })
  },

  async 'a page that outlives its server offers the new one and forces nothing'({ server, browser }) {
    const { page, close } = await openPage(browser, server, { allow: [/status of 404/] })
    // The HTML of an older build: its later parts have other names.
    await page.route('**/', async (route) => {
      const answer = await route.fetch()
      await route.fulfill({ response: answer, body: (await answer.text()).replace(/(askstream-build" content=")\w+/, '$10123456789abcdef') })
    })
    await page.route('**/assets/Help-*', (route) => route.fulfill({ status: 404, body: '' }))
    await page.goto(`${server.url}/`)
    await page.getByRole('button', { name: 'Reload when ready' }).waitFor()
    await page.getByRole('link', { name: 'Help' }).click()
    await page.getByTestId('missing-part').waitFor()
    await shoot(page, 'updated')
    await page.unroute('**/assets/Help-*')
    await page.getByRole('button', { name: 'Reload when ready' }).click()
    await page.getByRole('heading', { name: 'Help' }).waitFor()
    await close()
  },
}
