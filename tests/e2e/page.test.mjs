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

  async 'an unknown address is a real 404'({ server, browser }) {
    const { page, close } = await openPage(browser, server, { allow: [/status of 404/] })
    const response = await page.goto(`${server.url}/no/such/place`)
    assert.equal(response.status(), 404)
    assert.match(response.headers()['content-type'], /^text\/html/)
    await close()
  },
}
