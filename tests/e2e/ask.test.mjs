// The form: written, pasted, checked, kept, sent once. Every state is caused at the server or by a reader's own hands.

import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import { grid, open, shoot } from './forms.mjs'
import { CUT_OFF, openPage, startServer } from './lab.mjs'
import { startFaultLab } from './panel.mjs'
import { startProvider, startRelay, startServerWith } from './provider.mjs'
import { shifts, watchShifts } from './reading.mjs'

const QUESTION = 'Foundation strip 45 m x 0.8 m x 0.6 m, groundwater pH 6.2, C30/37 XC4 XF3'
const BILL = 'No.\tDescription\tUnit\tQuantity\r\n1\tConcrete C30/37\tm3\t22,5\r\n2\t"Formwork, both\nsides"\tm2\t108\r\n'
const cell = (page, row, key) => page.locator(`#cell-${row}-${key}`)
const checks = (page, state) => page.locator(`[data-testid=checks-line][data-state=${state}]`).waitFor({ timeout: 20_000 })

/** Pastes into whatever has the focus, as a spreadsheet would. */
function paste(page, text) {
  return page.evaluate((text) => {
    const data = new DataTransfer()
    data.setData('text/plain', text)
    document.activeElement.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))
  }, text)
}

const runs = async (url) => (await (await fetch(`${url}/api/v1/runs`)).json()).runs
const draftKeys = (page) => page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith('askstream.draft.')).length)
const eventually = async (what, holds) => {
  for (let left = 100; left > 0; left -= 1) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert.fail(what)
}
const focused = (page, id) => eventually(`#${id} has the focus`, () => page.evaluate((id) => document.activeElement.id === id, id))
const sideways = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)

export const tests = {
  async 'a bill is pasted, undone, edited and checked while it is typed'({ server, browser }) {
    const { page, complaints, close } = await open(browser, server.url)
    await shoot(page, 'empty')
    await cell(page, 0, 'item_name').focus()
    await paste(page, BILL)
    await page.getByText('Pasted 2 rows').first().waitFor()
    assert.equal(await cell(page, 0, 'quantity').innerText(), '22.5', 'the decimal comma is read')
    assert.equal(await cell(page, 1, 'item_name').innerText(), 'Formwork, both sides')
    await cell(page, 0, 'item_name').focus()
    await page.keyboard.press('Control+z')
    assert.equal((await cell(page, 0, 'quantity').innerText()).trim(), '')
    await paste(page, BILL)
    await page.getByTestId('question').fill(QUESTION)
    await page.locator('.bill-grid .marked').first().waitFor()
    await page.getByRole('button', { name: 'Show', exact: true }).click()
    const list = await page.getByTestId('check-list').innerText()
    assert.match(list, /108 m2 against 54\.96 m2/)
    await shoot(page, 'checked')
    await page.getByTestId('check-list').getByRole('button', { name: 'row 2' }).first().click()
    await focused(page, 'cell-1-item_name')
    // Half the formwork is what the geometry gives.
    await cell(page, 1, 'quantity').click()
    await page.keyboard.press('Control+a')
    await page.keyboard.type('54,96')
    await page.keyboard.press('Enter')
    await eventually('the finding goes away', async () => !(await page.getByTestId('check-list').innerText()).includes('against 54.96'))
    assert.deepEqual(complaints, [])
    await close()
  },

  async 'the table is walked, edited and left by keys'({ server, browser }) {
    const { page, complaints, close } = await open(browser, server.url)
    const at = (id) => focused(page, id)
    await cell(page, 0, 'item_name').focus()
    await page.keyboard.type('Concrete')
    await page.keyboard.press('Tab')
    await at('cell-0-unit')
    await page.keyboard.type('m3')
    await page.keyboard.press('Tab')
    await page.keyboard.type('5')
    await page.keyboard.press('Enter')
    await at('cell-1-quantity')
    await page.keyboard.press('ArrowUp')
    await page.keyboard.press('Enter')
    await page.keyboard.type('99')
    await page.keyboard.press('Escape')
    await focused(page, 'cell-0-quantity')
    assert.equal(await cell(page, 0, 'quantity').innerText(), '5', 'Escape leaves it as it was')
    await page.keyboard.press('Delete')
    assert.equal((await cell(page, 0, 'quantity').innerText()).trim(), '')
    await page.keyboard.press('Control+z')
    assert.equal(await cell(page, 0, 'quantity').innerText(), '5')
    await page.keyboard.press('Home')
    await at('cell-0-no')
    await page.keyboard.press('Tab')
    assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Add row', 'Tab leaves the table')
    await page.keyboard.press('Enter')
    await at('cell-1-item_name')
    await page.getByRole('button', { name: 'Remove row 2' }).click()
    await page.getByText('Row 2 removed').first().waitFor()
    await cell(page, 0, 'item_name').focus()
    await paste(page, 'A\t####\nB\t7')
    await page.getByTestId('bill-warning').waitFor()
    assert.match(await page.getByTestId('bill-warning').innerText(), /"####" in row 1: the column was too narrow/)
    assert.deepEqual(complaints, [])
    await close()
  },

  async 'five thousand rows are scrolled with a few in the document'({ server, browser }) {
    const { page, complaints, close } = await open(browser, server.url)
    await cell(page, 0, 'item_name').focus()
    await paste(page, Array.from({ length: 5000 }, (_, n) => `Concrete C30/37 strip ${n + 1}\tm3\t${n + 1}`).join('\n'))
    await page.getByText('Pasted 5\u202f000 rows').first().waitFor()
    const drawn = () => page.locator('.bill-grid [role=row]').count()
    assert.ok((await drawn()) < 60, `${await drawn()} rows`)
    await cell(page, 0, 'item_name').focus()
    await page.keyboard.press('Control+End')
    await page.keyboard.press('ArrowUp')
    await page.keyboard.press('Home')
    assert.equal(await cell(page, 4999, 'item_name').innerText(), 'Concrete C30/37 strip 5000')
    const gaps = await page.evaluate(async () => {
      const box = document.querySelector('.bill-grid')
      const frame = () => new Promise((resolve) => requestAnimationFrame(resolve))
      const times = []
      let before = await frame()
      for (let at = 0; at < 60; at += 1) {
        box.scrollTop = at * 2600
        const now = await frame()
        times.push(now - before)
        before = now
      }
      return times.sort((a, b) => a - b)
    })
    console.log(`      scrolling: median ${gaps[30].toFixed(0)} ms, p95 ${gaps[57].toFixed(0)} ms a frame`)
    assert.ok(gaps[30] < 100, `median frame ${gaps[30]} ms`)
    assert.ok((await drawn()) < 60)
    await checks(page, 'done')
    await shoot(page, 'many-rows')
    assert.deepEqual(complaints, [])
    await close()
  },

  async 'a draft survives a reload, and two tabs keep theirs apart'({ server, browser }) {
    const { page, close } = await open(browser, server.url)
    await page.getByTestId('question').fill('the first draft')
    await page.reload()
    await page.getByText('Your draft was restored.').waitFor()
    assert.equal(await page.getByTestId('question').inputValue(), 'the first draft')
    await shoot(page, 'restored')
    const other = await page.context().newPage()
    await other.goto(`${server.url}/`)
    await grid(other).waitFor()
    assert.equal(await other.getByTestId('question').inputValue(), '', 'the first tab has it')
    await other.getByTestId('question').fill('the second draft')
    await other.reload()
    await other.getByText('Your draft was restored.').waitFor()
    assert.equal(await other.getByTestId('question').inputValue(), 'the second draft')
    await page.reload()
    await page.getByText('Your draft was restored.').waitFor()
    assert.equal(await page.getByTestId('question').inputValue(), 'the first draft')
    await other.close({ runBeforeUnload: false })
    // What the closed tab left behind is offered to the next one.
    await eventually('the draft is kept', async () => (await draftKeys(page)) === 2)
    const third = await page.context().newPage()
    await third.goto(`${server.url}/`)
    await third.getByText('Your draft was restored.').waitFor()
    assert.equal(await third.getByTestId('question').inputValue(), 'the second draft')
    await third.getByRole('button', { name: 'Discard' }).click()
    assert.equal(await third.getByTestId('question').inputValue(), '')
    await third.getByRole('button', { name: 'Undo' }).click()
    assert.equal(await third.getByTestId('question').inputValue(), 'the second draft')
    await close()
  },

  async 'an example over written words can be taken back'({ server, browser }) {
    const { page, close } = await open(browser, server.url)
    await page.getByTestId('question').fill('my own words')
    await page.getByRole('button', { name: 'Strip foundation' }).click()
    await page.getByRole('button', { name: 'Undo' }).click()
    assert.equal(await page.getByTestId('question').inputValue(), 'my own words')
    assert.equal((await cell(page, 0, 'item_name').innerText()).trim(), '')
    await page.getByRole('button', { name: 'Exposure' }).click()
    await page.keyboard.type('XC4')
    assert.equal(await page.getByTestId('question').inputValue(), 'my own words\nExposure: XC4')
    await close()
  },

  async 'a crash of the browser loses two seconds at most'({ server, browser }) {
    const { page, close } = await open(browser, server.url)
    await page.getByTestId('question').fill('typed before the crash')
    await eventually('it is kept by itself', async () => (await draftKeys(page)) === 1)
    await close()
  },

  async 'a server that is gone is told with its time, and the form recovers by itself'({ browser }) {
    const server = await startServer()
    const { page, close } = await open(browser, server.url, { allow: [CUT_OFF] })
    await page.getByTestId('question').fill(QUESTION)
    await checks(page, 'done')
    await server.kill()
    await page.getByTestId('question').fill(`${QUESTION} and more`)
    await page.getByText(/Server not reachable since \d\d:\d\d\. Your text is saved here\./).waitFor({ timeout: 20_000 })
    assert.equal(await page.getByTestId('run-button').getAttribute('aria-disabled'), 'true')
    await page.getByTestId('run-button').click({ force: true })
    assert.match(page.url(), /\/$/, 'nothing was started')
    await shoot(page, 'unreachable')
    await server.revive()
    await page.locator('[data-testid=run-button][aria-disabled=false]').waitFor({ timeout: 20_000 })
    assert.equal(await page.getByTestId('question').inputValue(), `${QUESTION} and more`)
    await page.getByTestId('run-button').click()
    await page.waitForURL('**/runs/run_*')
    await close()
    await server.stop()
  },

  async 'a lost answer does not make a second run'({ browser }) {
    const server = await startServer()
    const relay = await startRelay(server)
    const { page, close } = await open(browser, relay.url, { allow: [CUT_OFF] })
    await page.getByTestId('question').fill(QUESTION)
    await checks(page, 'done')
    // The request arrives, its answer does not.
    let lost = 0
    await page.route('**/api/v1/runs', async (route) => {
      if (route.request().method() !== 'POST' || lost > 0) return route.continue()
      lost += 1
      const { postData, headers } = { postData: route.request().postData(), headers: route.request().headers() }
      await fetch(`${server.url}/api/v1/runs`, { method: 'POST', body: postData, headers: { 'content-type': headers['content-type'], 'idempotency-key': headers['idempotency-key'] } })
      return route.abort('connectionreset')
    })
    await page.getByTestId('run-button').click()
    await page.getByTestId('error-summary').waitFor()
    assert.equal((await runs(server.url)).length, 1)
    await page.locator('[data-testid=run-button][aria-disabled=false]').waitFor({ timeout: 20_000 })
    await page.getByTestId('run-button').click()
    await page.waitForURL('**/runs/run_*')
    const made = await runs(server.url)
    assert.equal(made.length, 1, 'the second click joined the run of the first')
    assert.ok(page.url().endsWith(made[0].run_id))
    // Another click is another run.
    await page.goBack()
    await grid(page).waitFor()
    await page.getByTestId('run-button').click()
    await page.waitForURL('**/runs/run_*')
    await eventually('another run', async () => (await runs(server.url)).length === 2)
    await close()
    relay.stop()
    await server.stop()
  },

  async 'what is wrong is named at its field and in a summary that leads there'({ server, browser }) {
    const { page, close } = await open(browser, server.url, { allow: [/status of 422/] })
    await cell(page, 0, 'quantity').focus()
    await page.keyboard.type('12')
    await page.keyboard.press('Enter')
    await page.getByTestId('options').locator('summary').click()
    await page.locator('#option-query').fill('soon')
    await page.getByTestId('run-button').click()
    const summary = page.getByTestId('error-summary')
    await summary.waitFor()
    await eventually('the summary has the focus', () => page.evaluate(() => document.activeElement.dataset.testid === 'error-summary'))
    assert.equal(await summary.getByRole('link').count(), 3)
    await shoot(page, 'faults')
    await summary.getByRole('link', { name: /Row 1 has no description/ }).click()
    await focused(page, 'cell-0-item_name')
    await page.keyboard.type('Concrete')
    await page.keyboard.press('Enter')
    await summary.getByRole('link', { name: /seconds/ }).click()
    await focused(page, 'option-query')
    await page.keyboard.press('Control+a')
    await page.keyboard.type('99999')
    await summary.getByRole('link', { name: /at least one sentence/ }).click()
    await page.keyboard.type(QUESTION)
    await summary.waitFor({ state: 'detached' })
    // What only the server knows comes back to its field.
    await page.keyboard.press('Control+Enter')
    await page.locator('#option-query-fault').getByText(/at most \d+ is allowed/).waitFor()
    await eventually('the summary has the focus', () => page.evaluate(() => document.activeElement.dataset.testid === 'error-summary'))
    assert.equal(await page.getByTestId('question').inputValue(), QUESTION, 'the text is still there')
    await close()
  },

  async 'a vendor is asked about once, before anything is sent'({ browser }) {
    const outside = Object.values(networkInterfaces()).flat().find((one) => one.family === 'IPv4' && !one.internal)
    if (outside === undefined) return console.log('      skipped: this machine has no address but its own')
    const provider = await startProvider(() => ({}), outside.address)
    const server = await startServerWith(provider, 'danger_plain_http = true\nprice."lab-1" = { in = 2.00, out = 10.00, per = "1M tokens", currency = "USD" }')
    const { page, complaints, close } = await open(browser, server.url)
    await page.getByRole('button', { name: 'Strip foundation' }).click()
    await page.getByText(/USD 0\.\d{3} to 0\.\d{3}/).waitFor()
    const sends = await page.getByTestId('destinations').innerText()
    assert.ok(sends.includes('3 rows') && sends.includes(outside.address), sends)
    await page.getByTestId('run-button').click()
    await page.getByTestId('consent').waitFor()
    assert.ok((await page.getByTestId('consent').innerText()).includes(outside.address))
    assert.equal(provider.seen.calls, 0)
    await shoot(page, 'consent')
    await page.keyboard.press('Escape')
    await page.getByTestId('consent').waitFor({ state: 'detached' })
    assert.equal((await runs(server.url)).length, 0, 'no is no')
    await page.getByTestId('run-button').click()
    await page.getByTestId('consent-yes').click()
    await page.waitForURL('**/runs/run_*')
    await page.goto(`${server.url}/`)
    await grid(page).waitFor()
    await page.getByTestId('run-button').click()
    await page.waitForURL('**/runs/run_*')
    assert.equal((await runs(server.url)).length, 2, 'not asked again')
    assert.deepEqual(complaints, [])
    await close()
    await server.stop()
    provider.stop()
  },

  async 'a model that its server does not list is named before the click'({ browser }) {
    const lab = await startFaultLab()
    const server = await startServer({ config: `[providers.lab]\nkind = "openai"\nbase_url = "${lab.url}/v1"\nmodel = "ehco"\n` })
    const { page, close } = await open(browser, server.url)
    await page.getByTestId('question').fill(QUESTION)
    const note = page.getByTestId('provider-note')
    await note.waitFor({ timeout: 20_000 })
    assert.match(await note.innerText(), /lab does not list the model "ehco"; the closest it lists is "echo"/)
    await shoot(page, 'model-missing')
    await close()
    await server.stop()
    await lab.stop()
  },

  async 'a provider that is down is told before the click'({ browser }) {
    const provider = await startProvider(() => ({ status: 401 }))
    const server = await startServerWith(provider)
    await fetch(`${server.url}/ask`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ question: 'x' }) })
    const { page, close } = await open(browser, server.url)
    await page.getByTestId('question').fill(QUESTION)
    const note = page.getByTestId('provider-note')
    await note.waitFor({ timeout: 20_000 })
    assert.match(await note.innerText(), /lab is not being asked now: The provider refused the key/)
    await page.getByTestId('options').locator('summary').click()
    await shoot(page, 'provider-down')
    await page.locator('#option-model').selectOption('rules')
    await note.waitFor({ state: 'detached' })
    await page.getByText('Sends nothing: the built-in rules answer.').waitFor()
    await page.getByTestId('run-button').click()
    await page.waitForURL('**/runs/run_*')
    await page.locator('[data-testid=run-status][data-status=completed]').waitFor({ timeout: 20_000 })
    await close()
    await server.stop()
    provider.stop()
  },

  async 'a bill longer than a prompt is told before the click, and how long runs took'({ browser }) {
    const provider = await startProvider(() => ({}))
    const server = await startServerWith(provider)
    for (let n = 0; n < 3; n += 1) {
      await fetch(`${server.url}/ask`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ question: `x${n}` }) })
    }
    const { page, complaints, close } = await open(browser, server.url)
    await page.getByTestId('question').fill(QUESTION)
    await cell(page, 0, 'item_name').focus()
    await paste(page, Array.from({ length: 3000 }, (_, n) => `Concrete C30/37 for the strip of axis ${n + 1}\tm3\t${n + 1}`).join('\n'))
    await page.getByText(/It will be read in [2-8] parts/).waitFor({ timeout: 30_000 })
    assert.match(await page.getByTestId('destinations').innerText(), /the description \+ 3\u202f000 rows/)
    assert.match(await page.getByTestId('estimate').innerText(), /queries.*about .* tokens to read.*free.*the last 3 runs of this panel took/s)
    await shoot(page, 'in-parts')
    assert.deepEqual(complaints, [])
    await close()
    await server.stop()
    provider.stop()
  },

  async 'a run is copied, a sample is linked, and no draft is lost by it'({ server, browser }) {
    const { page, complaints, close } = await open(browser, server.url)
    await page.getByRole('button', { name: 'Parking deck' }).click()
    await page.getByTestId('run-button').click()
    await page.waitForURL('**/runs/run_*')
    const run = page.url().split('/').at(-1)
    await page.goto(`${server.url}/?from=${run}`)
    await page.getByText(/Copied from the run/).waitFor()
    assert.match(await page.getByTestId('question').inputValue(), /parking deck/)
    assert.equal(await cell(page, 0, 'unit_price').innerText(), '2300')
    assert.equal(await page.locator('#spec-safety_factor').inputValue(), '1.42')
    assert.equal(new URL(page.url()).search, '', 'a reload finds the draft, not the run')
    await page.getByTestId('question').fill('changed')
    await page.reload()
    await page.getByText('Your draft was restored.').waitFor()
    assert.equal(await page.getByTestId('question').inputValue(), 'changed')
    await page.goto(`${server.url}/#sample-strip`)
    await page.getByRole('button', { name: 'Strip foundation', pressed: true }).waitFor()
    await page.goto(`${server.url}/?from=run_00000000000000000000000000`)
    await page.getByText(/could not be copied/).waitFor()
    complaints.splice(0)
    await close()
  },

  async 'a whole audit is made without a mouse'({ server, browser }) {
    const { page, complaints, close } = await open(browser, server.url)
    const until = async (what) => {
      for (let left = 60; left > 0; left -= 1) {
        if (await page.evaluate((what) => document.activeElement?.matches(what), what)) return
        await page.keyboard.press('Tab')
      }
      assert.fail(`no ${what} by Tab`)
    }
    await until('#question')
    await page.keyboard.type('Garage slab 6 m x 9 m, 200 mm, C25/30')
    await until('.bill-grid [role=gridcell]')
    await page.keyboard.type('Concrete C25/30')
    await page.keyboard.press('Tab')
    await page.keyboard.type('m3')
    await page.keyboard.press('Tab')
    await page.keyboard.type('10,8')
    await page.keyboard.press('Escape')
    await page.keyboard.type('10,8')
    await page.keyboard.press('Enter')
    await until('#specs')
    await page.keyboard.type('exposure_classes')
    await page.keyboard.press('Enter')
    await focused(page, 'spec-exposure_classes')
    await page.keyboard.type('XC4')
    await until('.options summary')
    await page.keyboard.press('Enter')
    await until('#option-language')
    await until('[data-testid=run-button]')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/runs/run_*')
    const snapshot = await (await fetch(`${server.url}/api/v1${new URL(page.url()).pathname}`)).json()
    assert.deepEqual(snapshot.input, { positions: [{ item_name: 'Concrete C25/30', unit: 'm3', quantity: '10,8' }], specifications: { exposure_classes: 'XC4' } })
    assert.deepEqual(complaints, [])
    await close()
  },

  async 'a narrow page scrolls sideways only in the table'({ server, browser }) {
    for (const [name, options] of [
      ['narrow', { viewport: { width: 320, height: 780 }, reducedMotion: 'reduce' }],
      ['narrow-dark', { viewport: { width: 360, height: 780 }, colorScheme: 'dark' }],
      ['dark', { colorScheme: 'dark' }],
    ]) {
      const { page, complaints, close } = await open(browser, server.url, options)
      await page.getByRole('button', { name: 'Parking deck' }).click()
      await page.getByRole('button', { name: 'Show', exact: true }).click()
      await page.getByTestId('options').locator('summary').click()
      await shoot(page, name)
      assert.ok((await sideways(page)) <= 0, `${name}: ${await sideways(page)} px too wide`)
      assert.deepEqual(complaints, [])
      await close()
    }
  },

  async 'the form stands still while the server is asked what it is like'({ server, browser }) {
    for (const viewport of [{ width: 1280, height: 900 }, { width: 360, height: 780 }]) {
      const { page, close } = await openPage(browser, server, { viewport })
      await watchShifts(page)
      await page.goto(`${server.url}/`)
      await grid(page).waitFor()
      await page.locator('[data-testid=panel-select] option').first().waitFor({ state: 'attached' })
      await page.getByText('No model is connected yet').waitFor()
      const { sum, what } = await shifts(page)
      assert.ok(sum < 0.001, `${viewport.width} px: ${sum.toFixed(4)} moved:\n${what.join('\n')}`)
      await close()
    }
  },
}
