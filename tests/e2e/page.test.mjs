// The page as a newcomer meets it.

import assert from 'node:assert/strict'
import { openPage } from './lab.mjs'

export const tests = {
  async 'the page opens without a complaint'({ server, browser }) {
    const { page, complaints, close } = await openPage(browser, server)
    const response = await page.goto(`${server.url}/`, { waitUntil: 'networkidle' })
    assert.equal(response.status(), 200)
    await page.getByTestId('ask-form').waitFor()
    await page.getByTestId('run-button').waitFor()
    assert.deepEqual(complaints, [])
    await close()
  },

  async 'the content policy allows no inline script'({ server, browser }) {
    const { page, complaints, close } = await openPage(browser, server, { allow: [/./] })
    await page.goto(`${server.url}/`)
    await page.evaluate(() => {
      const script = document.createElement('script')
      script.setAttribute('data-inline', '')
      script.append('window.ran = true')
      document.head.append(script)
    }).catch(() => undefined)
    assert.equal(await page.evaluate(() => window.ran), undefined)
    assert.notDeepEqual(complaints, [], 'the violation is told')
    await close()
  },

  async 'the first HTML of a run has its rows, and nothing else is asked before they stand there'({ server, browser }) {
    const made = await fetch(`${server.url}/api/v1/runs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', prefer: 'wait=30' },
      body: JSON.stringify({ question: 'A wall </script> of 3 m', options: { model: 'rules' } }),
    })
    const { run_id: run } = await made.json()
    const { page, complaints, close } = await openPage(browser, server)
    const asked = []
    page.on('request', (request) => asked.push(new URL(request.url()).pathname))
    await page.goto(`${server.url}/runs/${run}`)
    await page.getByTestId('query-row').nth(1).waitFor()
    await page.getByRole('heading', { level: 1, name: 'A wall </script> of 3 m' }).waitFor()
    assert.ok(!asked.includes(`/api/v1/runs/${run}`), asked.join('\n'))
    assert.deepEqual(complaints, [])
    await close()
  },

  async 'a question mark shows the help, unless somebody writes or does not want it'({ server, browser }) {
    const { page, complaints, close } = await openPage(browser, server)
    await page.goto(`${server.url}/`)
    await page.getByTestId('question').fill('Is this right')
    await page.keyboard.press('?')
    assert.equal(await page.getByTestId('question').inputValue(), 'Is this right?')
    await page.getByTestId('boq-grid').locator('[tabindex="0"]').first().focus()
    await page.keyboard.press('?')
    await page.keyboard.press('Escape')
    assert.equal(new URL(page.url()).pathname, '/', 'a cell takes what is typed')
    await page.getByTestId('run-button').focus()
    await page.keyboard.press('?')
    await page.getByRole('heading', { level: 1, name: 'Help' }).waitFor()
    await page.getByTestId('help-key').uncheck()
    await page.getByRole('link', { name: /^Runs/ }).click()
    await page.getByRole('heading', { level: 1, name: 'Runs' }).waitFor()
    await page.keyboard.press('?')
    await page.reload()
    await page.getByRole('heading', { level: 1, name: 'Runs' }).waitFor()
    await page.keyboard.press('?')
    await page.getByRole('link', { name: /^Providers/ }).click()
    await page.getByRole('heading', { level: 1, name: 'Providers' }).waitFor()
    assert.ok(!(await page.evaluate(() => navigation.entries().map(({ url }) => new URL(url).pathname))).slice(-2).includes('/help'), 'it was switched off')
    assert.deepEqual(complaints, [])
    await close()
  },

  async 'an unknown address is a real 404'({ server, browser }) {
    const { page, close } = await openPage(browser, server, { allow: [/status of 404/] })
    const response = await page.goto(`${server.url}/no/such/place`)
    assert.equal(response.status(), 404)
    assert.match(response.headers()['content-type'], /^text\/html/)
    await page.getByRole('heading', { level: 1, name: 'No such page' }).waitFor()
    await close()
  },
}
