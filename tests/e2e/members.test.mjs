// Members of a panel side by side: a card each in the panel's order, live, and then what was made of their answers.

import assert from 'node:assert/strict'
import { openPage, startServer } from './lab.mjs'
import { shoot } from './reading.mjs'

const NAMES = ['Coordinator', 'Technical authority', 'Strategist', 'Risk sentinel', 'Practical engineer', "Devil's advocate"]

async function ask(url, panel, input = {}) {
  const body = JSON.stringify({ panel, question: 'May we pour the slab on Friday?', input, options: { model: 'scripted', on_disconnect: 'continue' } })
  const answer = await fetch(`${url}/api/v1/runs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  const { run_id: id, ...rest } = await answer.json()
  assert.ok(id, JSON.stringify(rest))
  return id
}

export const tests = {
  async 'six members have a card each, live, and then synthesis, agreement and dissent'({ browser }) {
    const server = await startServer({})
    const { page, complaints, close } = await openPage(browser, server)
    const id = await ask(server.url, 'council')
    await page.goto(`${server.url}/runs/${id}`)
    const cards = page.getByTestId('member')
    await cards.first().waitFor()
    await page.locator('[data-testid=member][data-phase=streaming]').first().waitFor()
    await shoot(page, 'members-live', {})
    await page.locator('[data-testid=member][data-phase=done]').first().waitFor()
    await page.getByTestId('synthesis').waitFor({ timeout: 60_000 })
    const names = await cards.locator('h3 > span:first-child').allInnerTexts()
    assert.deepEqual(names.map((name) => name.replace(/^\P{Letter}+/u, '')), NAMES)
    assert.equal(await page.locator('[data-testid=member][data-phase=done]').count(), 6)
    assert.match(await page.getByTestId('agreement').innerText(), /contradict each other/)
    assert.match(await page.getByTestId('dissent').innerText(), /Dissent: Devil's advocate/)
    assert.match(await cards.nth(5).innerText(), /argues the contrary/)
    await shoot(page, 'members')
    await page.emulateMedia({ colorScheme: 'dark' })
    await shoot(page, 'members-dark')
    await page.setViewportSize({ width: 360, height: 780 })
    assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 360)
    await shoot(page, 'members-narrow')
    assert.deepEqual(complaints, [])
    await close()
    await server.stop()
  },

  async 'the form offers the modes of a panel, and the report says which it was and why'({ browser }) {
    const server = await startServer({ config: '[providers.local]\nkind = "openai"\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\n' })
    const { page, complaints, close } = await openPage(browser, server)
    await page.goto(`${server.url}/?panel=council`)
    const modes = page.getByTestId('mode-select')
    await modes.waitFor()
    assert.equal(await modes.inputValue(), 'council', 'what holds by itself is chosen')
    assert.equal((await modes.locator('option').allInnerTexts()).at(-1), 'Automatic, by the question')
    await page.locator('#question').fill('How thick is the slab?')
    const asked = page.waitForRequest((request) => request.url().includes('dry_run') && (request.postData() ?? '').includes('"mode":"auto"'))
    await modes.selectOption('auto')
    await asked
    await page.getByTestId('panel-select').selectOption('compare')
    await modes.waitFor({ state: 'detached' })
    const id = await ask(server.url, 'council', { mode: 'auto' })
    await page.goto(`${server.url}/runs/${id}`)
    const told = await page.getByTestId('mode').innerText()
    assert.equal(told, 'Mode: Fast: the authority alone. The question is short: 31 characters.')
    await page.locator('[data-testid=member][data-phase=done]').waitFor({ timeout: 60_000 })
    assert.deepEqual(complaints, [])
    await close()
    await server.stop()
  },

  async 'what a question did not call for is not missing'({ browser }) {
    const server = await startServer({})
    const { page, complaints, close } = await openPage(browser, server)
    const id = await ask(server.url, 'compare')
    await page.goto(`${server.url}/runs/${id}`)
    await page.locator('[data-testid=run-status][data-status=completed]').waitFor({ timeout: 60_000 })
    assert.equal(await page.getByTestId('report-status').innerText(), 'Complete: 3 of 3 queries')
    assert.equal(await page.getByTestId('not-checked').count(), 0)
    assert.equal(await page.getByTestId('retry-missing').count(), 0)
    assert.match(await page.getByTestId('grounds').innerText(), /Synthesis\s+Not asked: its condition does not hold: input\.synthesis/)
    assert.ok(!(await page.locator('.timeline').innerText()).includes('Skipped'))
    assert.deepEqual(complaints, [])
    await close()
    await server.stop()
  },

  async 'one member that is asked alone stands alone'({ browser }) {
    const server = await startServer({})
    const { page, complaints, close } = await openPage(browser, server)
    const id = await ask(server.url, 'council', { mode: 'fast' })
    await page.goto(`${server.url}/runs/${id}`)
    await page.locator('[data-testid=member][data-phase=done]').waitFor({ timeout: 60_000 })
    assert.equal(await page.getByTestId('member').count(), 1)
    assert.equal(await page.getByTestId('agreement').count(), 0)
    assert.deepEqual(complaints, [])
    await close()
    await server.stop()
  },
}
