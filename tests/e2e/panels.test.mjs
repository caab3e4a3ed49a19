// The form and the panels: each takes what it asks for, and says whom it asks.

import assert from 'node:assert/strict'
import { grid, open, shoot } from './forms.mjs'
import { startServer } from './lab.mjs'

export const tests = {
  async 'each panel says whom it asks, and what it cannot do without a model'({ server, browser }) {
    const { page, complaints, close } = await open(browser, server.url)
    await page.getByTestId('question').fill('May we pour on Friday?')
    await page.getByText('the built-in rules answer, and nothing is sent').waitFor()
    await page.getByTestId('panel-select').selectOption('council')
    await page.getByText(/Asks 7 queries: Coordinator, .* Synthesis\./).waitFor()
    await page.getByTestId('mode-select').selectOption('fast')
    await page.getByText('Asks 1 query: Technical authority.').waitFor()
    await page.getByTestId('mode-select').selectOption('auto')
    await page.getByText(/The question chooses who is asked: Coordinator, .* Cross-examiner, Synthesis\./).waitFor()
    await page.getByText('No model is connected yet, and this panel has no built-in rules').waitFor()
    assert.equal((await page.getByTestId('run-button').innerText()).replace(/\s*Ctrl.*/, ''), 'Run')
    await shoot(page, 'no-model')
    await page.getByRole('link', { name: 'Connect a model' }).click()
    await page.getByTestId('providers-empty').waitFor()
    assert.deepEqual(complaints, [])
    await close()
  },

  async 'a panel that takes a bare question shows only that'({ browser }) {
    const server = await startServer({
      files: {
        '.config/askstream/panels/plain/panel.toml': 'title = "Plain question"\n[[query]]\nid = "one"\nprompt = "prompts/one.md"\n',
        '.config/askstream/panels/plain/prompts/one.md': '{{ question }}',
      },
    })
    const { page, close } = await open(browser, server.url)
    await page.getByTestId('panel-select').selectOption('plain')
    await grid(page).waitFor({ state: 'detached' })
    assert.equal(await page.getByTestId('specs').count(), 0)
    await shoot(page, 'plain-panel')
    await page.goto(`${server.url}/?panel=audit`)
    await grid(page).waitFor()
    await close()
    await server.stop()
  },
}
