// A native EventSource with three listeners: no second run, whether it closes or not.

import assert from 'node:assert/strict'
import { openPage } from './lab.mjs'
import { startProvider, startServerWith } from './provider.mjs'

const ASK = '/api/v1/multi-role/ask-stream?question=' + encodeURIComponent('Strip 45 m x 0.8 m x 0.6 m, C30/37')
/** The server says `retry: 2000`; whoever comes back has come back by then. */
const COMES_BACK_MS = 4000

/** Listens until `final_result` has come and a while longer; what it heard and asked. */
async function listen(browser, closes) {
  const provider = await startProvider(() => ({ first: 50, every: 5 }))
  const server = await startServerWith(provider)
  const { page, close } = await openPage(browser, server)
  const statuses = []
  page.on('response', (response) => response.url().includes('/ask-stream') && statuses.push(response.status()))
  await page.goto(`${server.url}/help`)
  const heard = await page.evaluate(
    ([url, closes, wait]) =>
      new Promise((resolve) => {
        const heard = []
        const source = new EventSource(url)
        for (const name of ['query_started', 'query_completed', 'final_result']) {
          source.addEventListener(name, (event) => {
            heard.push([name, JSON.parse(event.data)])
            if (name !== 'final_result') return
            if (closes) source.close()
            setTimeout(() => resolve({ heard, state: source.readyState }), wait)
          })
        }
      }),
    [ASK, closes, COMES_BACK_MS],
  )
  await close()
  await server.stop()
  provider.stop()
  return { ...heard, statuses, calls: provider.seen.calls }
}

function assertOneRun({ heard, calls }) {
  assert.deepEqual(heard.map(([name]) => name), [
    'query_started', 'query_started', 'query_completed', 'query_completed', 'final_result',
  ])
  assert.equal(new Set(heard.map(([, data]) => data.run_id)).size, 1)
  assert.equal(heard.at(-1)[1].status, 'completed')
  assert.equal(calls, 2, 'each query was asked once')
}

export const tests = {
  async 'an EventSource that closes asks once'({ browser }) {
    const result = await listen(browser, true)
    assertOneRun(result)
    assert.deepEqual(result.statuses, [200])
  },

  async 'an EventSource that does not close comes back once and is sent home'({ browser }) {
    const result = await listen(browser, false)
    assertOneRun(result)
    assert.deepEqual(result.statuses, [200, 204])
    assert.equal(result.state, 2, 'it has given up by itself')
  },
}
