// The events tab: what came over this connection, frame by frame.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CUT_OFF, openPage, root, startServer } from './lab.mjs'
import { startProvider, startServerWith } from './provider.mjs'
import { startNetwork } from './network.mjs'

const shoot = (page, name) => page.screenshot({ path: join(root, 'tests/e2e/shots', `${name}.png`), fullPage: true })
const frames = (page, event) => page.locator(`[data-testid=frame-row][data-event=${event}]`)

export const tests = {
  async 'pieces of text that are kept no longer leave a line, and the run stays whole'({ browser }) {
    const server = await startServer({ config: '[store]\nkeep_deltas = "1ms"\n' })
    const { page, complaints, close } = await openPage(browser, server)
    try {
      const made = await fetch(`${server.url}/api/v1/runs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', prefer: 'wait=30' },
        body: JSON.stringify({ question: 'Foundation strip 45 m x 0.8 m x 0.6 m', options: { model: 'scripted' } }),
      })
      const { run_id: run } = await made.json()
      // The first sweep finds that the run has ended, a later one that it was a while ago.
      const gone = async () => (await (await fetch(`${server.url}/api/v1/runs/${run}/events?deltas=true`)).text()).includes('event: stream_gap')
      for (let left = 60; left > 0 && !(await gone()); left -= 1) {
        await server.kill()
        await server.revive()
      }
      await page.goto(`${server.url}/runs/${run}?tab=events`)
      await frames(page, 'final_result').waitFor()
      assert.equal(await frames(page, 'query_completed').count(), 2)
      await page.getByTestId('events-type').selectOption('stream_gap')
      await frames(page, 'stream_gap').waitFor()
      await shoot(page, 'events-gap')
      await page.getByRole('link', { name: 'Report' }).click()
      await page.getByTestId('compliance-table').waitFor()
      await page.locator('[data-testid=query-row] .row-title').first().click()
      await page.getByTestId('transcript').getByRole('heading', { name: 'Specification' }).waitFor()
      assert.deepEqual(complaints, [])
    } finally {
      await close()
      await server.stop()
    }
  },

  async 'frames are shown, folded, filtered, copied and saved'({ browser }) {
    const provider = await startProvider(() => ({ first: 100, every: 100, pieces: 40 }))
    const server = await startServerWith(provider, 'max_in_flight = 8')
    const network = await startNetwork(server)
    const { page, complaints, close } = await openPage(browser, { url: network.url }, { allow: [CUT_OFF] })
    try {
      const made = await fetch(`${server.url}/api/v1/runs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ question: 'Foundation strip 45 m x 0.8 m x 0.6 m' }),
      })
      const run = (await made.json()).run_id
      await page.goto(`${network.url}/runs/${run}`)
      await page.getByTestId('events-tab').click()
      await page.waitForURL('**?tab=events')
      await page.getByText(/^\+ \d+ delta frames?$/).first().waitFor()
      // What is said of the connection keeps step with the frames that are shown.
      const lag = await page.waitForFunction(() => {
        const last = Number(/last id (\d+)/.exec(document.querySelector('[data-testid=events-counts]').textContent)?.[1])
        const shown = Math.max(...[...document.querySelectorAll('[data-seq]')].map((one) => Number(one.dataset.seq)))
        return shown > 20 && [shown - last]
      })
      assert.ok((await lag.jsonValue())[0] <= 0, `the last id lags by ${await lag.jsonValue()}`)
      network.down()
      await page.locator('[data-mark=reconnecting]').first().waitFor()
      await network.up()
      await page.locator('[data-testid=run-status][data-status=completed]').waitFor({ timeout: 30_000 })
      await frames(page, 'final_result').waitFor()
      await shoot(page, 'events')

      await page.getByTestId('events-type').selectOption('query_completed')
      await frames(page, 'final_result').waitFor({ state: 'detached' })
      assert.equal(await frames(page, 'query_completed').count(), 2)
      assert.equal(await page.locator('.mark-line[data-mark=live]').count(), 2, 'a break of the connection stays visible')
      await frames(page, 'query_completed').first().click()
      const command = await page.getByTestId('copy-curl').innerText()
      const seq = Number(await frames(page, 'query_completed').first().getAttribute('data-seq'))
      assert.ok(command.endsWith(`-H 'Last-Event-ID: ${run}.${seq - 1}'`), command)
      await page.getByLabel('askstream, asks the same again').check()
      assert.match(await page.getByTestId('copy-curl').innerText(), /^askstream ask -f - <<'ASK'\n\{"panel":"audit","question":"Foundation strip .*\}\nASK$/)
      await page.getByRole('button', { name: 'Exact bytes' }).click()
      const shown = await page.getByTestId('frame-text').innerText()
      const sent = await (await fetch(`${server.url}/api/v1/runs/${run}/events?deltas=true`, { headers: { 'last-event-id': `${run}.${seq - 1}` } })).text()
      const block = sent.slice(0, sent.indexOf('\n\n')).replace('retry: 2000\n', '')
      assert.equal(shown.trim(), block, 'the very bytes')
      await shoot(page, 'events-frame')
      await page.emulateMedia({ colorScheme: 'dark' })
      await shoot(page, 'events-dark')
      await page.setViewportSize({ width: 360, height: 800 })
      await shoot(page, 'events-narrow')
      assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360, 'nothing scrolls sideways')
      await page.setViewportSize({ width: 1280, height: 900 })

      const [file] = await Promise.all([page.waitForEvent('download'), page.getByTestId('events-save').click()])
      const saved = readFileSync(await file.path(), 'utf8').trim().split('\n').map((line) => JSON.parse(line).seq)
      assert.deepEqual(saved, Array.from({ length: saved.length }, (_, index) => index + 1))
      assert.equal(saved.length, Number(await page.getByTestId('events-counts').getAttribute('data-frames')))
      await page.goBack()
      await page.getByTestId('report').waitFor()
      assert.deepEqual(complaints.filter((one) => !/ERR_CONNECTION|ERR_EMPTY|ERR_INCOMPLETE/.test(one)), [])
    } finally {
      await close()
      network.stop()
      await server.stop()
      provider.stop()
    }
  },
}
