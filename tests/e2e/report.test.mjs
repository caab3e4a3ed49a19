// The report in all its states: what it says, where its links lead, what it copies and prints, and that it stays still.

import assert from 'node:assert/strict'
import { tooWide } from './judging.mjs'
import { ANSWERS, COMPLIANCE, COMPREHENSIVE } from './provider.mjs'
import { BRIEF, POSITIONS, ended, shifts, shoot, startRun, status, watchShifts, withReport } from './reading.mjs'

const LARGEST_SHIFT = 0.02
const slowly = (query) => ({ first: query === COMPLIANCE ? 600 : 1000, every: 60, pieces: 20 })
const failing = (query) => (query === COMPLIANCE ? { status: 400 } : {})

/** Asks on the page and watches to the end; what moved meanwhile. */
async function watched(browser, play, end, name, viewport = { width: 1280, height: 900 }) {
  await withReport(browser, { play, options: { viewport } }, async ({ page, url }) => {
    await watchShifts(page)
    await page.goto(`${url}/`)
    await page.getByRole('button', { name: 'Strip foundation' }).click()
    await page.getByTestId('run-button').click()
    await page.waitForURL('**/runs/run_*')
    await status(page, end)
    await page.locator('[data-testid=report-status], [data-testid=total-failure]').first().waitFor()
    await shoot(page, `shift-${name}`, {})
    const { sum, what } = await shifts(page)
    console.log(`      ${sum.toFixed(4)} moved`)
    assert.ok(sum <= LARGEST_SHIFT, `${sum.toFixed(4)} moved:\n${what.join('\n')}`)
  })
}

export const tests = {
  async 'nothing moves while a complete run is watched'({ browser }) {
    await watched(browser, slowly, 'completed', 'completed')
  },

  async 'nothing moves while a partial run is watched'({ browser }) {
    await watched(browser, (query) => (query === COMPLIANCE ? { first: 800, status: 400 } : slowly(query)), 'partial', 'partial')
  },

  async 'nothing moves on a narrow page'({ browser }) {
    await watched(browser, (query) => (query === COMPLIANCE ? { first: 800, status: 400 } : slowly(query)), 'partial', 'narrow', { width: 360, height: 780 })
  },

  async 'nothing moves while a run fails'({ browser }) {
    await watched(browser, (query) => ({ first: query === COMPLIANCE ? 600 : 1200, status: 401 }), 'failed', 'failed')
  },

  async 'a bill in parts has one report, and names the rows that a failed part has left unread'({ browser }) {
    let refused = false
    const once = (query) => (query === COMPLIANCE && !refused ? ((refused = true), { status: 400 }) : {})
    const row = (at) => ({ item_name: `Beton základových pasů C30/37, úsek číslo ${at} u severní stěny`, quantity: 12.5, unit: 'm3' })
    await withReport(browser, { play: once }, async ({ page, url }) => {
      const id = await startRun(url, { positions: Array.from({ length: 1200 }, (_, at) => row(at)) })
      await ended(url, id)
      await page.goto(`${url}/runs/${id}`)
      await page.getByTestId('report-status').waitFor()
      assert.match(await page.getByTestId('not-checked').innerText(), /Compliance and risks \(\d\/\d\)[^]*rows \d+ to \d+ were not read/)
      assert.match(await page.getByTestId('compliance').innerText(), /\d+ not met/)
      assert.match(await page.getByTestId('risk-register').innerText(), /from Compliance and risks, lab \/ lab-1/)
      await shoot(page, 'report-parts')
    })
  },

  async 'a complete report has its verdict, tables and provenance'({ browser }) {
    await withReport(browser, {}, async ({ page, url }) => {
      const id = await startRun(url)
      await ended(url, id)
      await page.goto(`${url}/runs/${id}`)
      await page.getByTestId('report-status').waitFor()
      assert.match(await page.getByTestId('report-status').innerText(), /Complete: 2 of 2 queries/)
      assert.match(await page.getByTestId('grounds').innerText(), /Answered by lab \/ lab-1.*3 rows/s)
      assert.match(await page.getByTestId('compliance').innerText(), /2 not met, 6 met/)
      assert.equal(await page.getByTestId('risk-matrix').locator('a').count(), 3)
      assert.match(await page.getByTestId('cost').innerText(), /side by side|one after the other/)
      assert.match(await page.getByTestId('risk-register').innerText(), /from Compliance and risks, lab \/ lab-1/)
      await shoot(page, 'report')
      await page.emulateMedia({ colorScheme: 'dark' })
      await shoot(page, 'report-dark')
    })
  },

  async 'a gap is named with its reason before anything else'({ browser }) {
    await withReport(browser, { play: failing }, async ({ page, url }) => {
      const id = await startRun(url)
      await ended(url, id)
      await page.goto(`${url}/runs/${id}`)
      const gaps = page.getByTestId('not-checked')
      await gaps.waitFor()
      assert.match(await gaps.innerText(), /refused the request \(400\): no statement about .*Risks/s)
      assert.match(await page.getByTestId('report-status').innerText(), /Partial: 1 of 2 queries/)
      const first = await page.evaluate(() => {
        const [gap, fix] = ['not-checked', 'fix-first'].map((name) => document.querySelector(`[data-testid=${name}]`))
        return Boolean(gap.compareDocumentPosition(fix) & Node.DOCUMENT_POSITION_FOLLOWING)
      })
      assert.ok(first)
      assert.equal(await page.getByTestId('risk-register').count(), 0, 'no empty section where nothing was asked')
      await shoot(page, 'report-partial')
    })
  },

  async 'rows that did not reach the model are counted as not checked'({ browser }) {
    const positions = Array.from({ length: 3000 }, (_, at) => ({ item_name: `Item ${at + 1} of a long bill, in so many words that the model cannot read it all`, quantity: at + 1, unit: 'm3' }))
    await withReport(browser, {}, async ({ page, url }) => {
      const id = await startRun(url, { positions })
      const result = await ended(url, id)
      const sent = result.coverage.positions_sent[COMPLIANCE]
      await page.goto(`${url}/runs/${id}`)
      assert.ok(sent > 0 && sent < 3000, `${sent} were sent`)
      await page.getByTestId('not-checked').waitFor()
      assert.match((await page.getByTestId('not-checked').innerText()).replace(/\s/g, ' '), new RegExp(`${3000 - sent} of 3000 rows did not reach`))
    })
  },

  async 'a failure says after how much it came'({ browser }) {
    // Stops in the middle: the limit of the pause is longer than a piece, and shorter than the rest.
    const play = (query) => (query === COMPLIANCE ? { first: 50, every: 9_000, pieces: 2 } : {})
    await withReport(browser, { play, limits: 'idle = "1s"\nretry = { attempts = 1 }' }, async ({ page, url }) => {
      const id = await startRun(url)
      await ended(url, id)
      await page.goto(`${url}/runs/${id}`)
      await page.getByTestId('not-checked').waitFor()
      assert.match(await page.getByTestId('not-checked').innerText(), /The stream stopped for 1 s after \S+ tokens?: no statement about/)
    })
  },

  async 'links lead to rows, risks and findings, and their addresses work elsewhere'({ browser }) {
    await withReport(browser, {}, async ({ page, url }) => {
      const id = await startRun(url)
      await ended(url, id)
      await page.goto(`${url}/runs/${id}`)
      await page.getByTestId('fix-first').getByRole('link', { name: 'row 3' }).first().click()
      await page.waitForFunction(() => document.activeElement?.closest('[data-row="3"]'))
      assert.equal(new URL(page.url()).search, '?row=3')
      await page.getByTestId('risk-matrix').getByRole('link', { name: 'RISK-002' }).click()
      await page.waitForFunction(() => document.activeElement?.id === 'risk-1')
      assert.equal(new URL(page.url()).search, '?risk=RISK-002')
      await page.goto(`${url}/runs/${id}?row=2`)
      await page.waitForFunction(() => document.activeElement?.closest('[data-row="2"]'))
      await page.goto(`${url}/runs/${id}?risk=RISK-003`)
      await page.locator('#risk-2.chosen').waitFor()
      await page.goto(`${url}/runs/${id}?row=constructor&risk=__proto__`)
      await page.getByTestId('report-status').waitFor()
    })
  },

  async 'a bill of 5,000 rows scrolls smoothly and is walked by keys'({ browser }) {
    const positions = Array.from({ length: 5000 }, (_, at) => ({ item_name: `Formwork of the strip, part ${at + 1}`, quantity: (at % 7) + 0.5, unit: at % 50 === 0 ? '' : 'm2', unit_price: 10, total_price: at % 90 === 0 ? 1 : ((at % 7) + 0.5) * 10 }))
    await withReport(browser, {}, async ({ page, url }) => {
      const id = await startRun(url, { positions })
      await ended(url, id)
      await page.goto(`${url}/runs/${id}`)
      const grid = page.getByTestId('positions-table')
      await grid.waitFor()
      const all = page.getByTestId('only-flagged')
      if (await all.isChecked()) await all.uncheck()
      await page.waitForFunction(() => document.querySelector('[data-testid=positions-table]').getAttribute('aria-rowcount') === '5001')
      const rows = await page.locator('tr').count()
      assert.ok(rows < 800, `${rows} rows are drawn`)
      await grid.scrollIntoViewIfNeeded()
      // The thread's own time: what else runs on this machine is not in it.
      const thread = await page.context().newCDPSession(page)
      await thread.send('Performance.enable', { timeDomain: 'threadTicks' })
      const busy = async () => (await thread.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'TaskDuration').value * 1000
      const before = await busy()
      const frames = 120
      const p95 = await page.evaluate(async (count) => {
        const box = document.querySelector('.bill')
        const times = []
        let last = performance.now()
        for (let at = 0; at < count; at += 1) {
          box.scrollTop += 120
          await new Promise((resolve) => requestAnimationFrame(resolve))
          const now = performance.now()
          times.push(now - last)
          last = now
        }
        return times.sort((a, b) => a - b)[Math.floor(count * 0.95)]
      }, frames)
      const each = ((await busy()) - before) / frames
      console.log(`      scrolled: p95 of a frame ${p95.toFixed(1)} ms, ${each.toFixed(1)} ms of the thread each; ${rows} rows drawn`)
      assert.ok(each <= 16, `${each.toFixed(1)} ms of the thread for each frame`)

      await page.locator('.bill td[tabindex]').first().focus()
      await page.locator('.bill').evaluate((box) => (box.scrollTop = 60_000))
      await page.waitForFunction(() => document.activeElement?.matches('.bill'))
      await page.keyboard.press('Control+End')
      await page.waitForFunction(() => document.activeElement?.closest('[data-row="5000"]'))
      await page.keyboard.press('Control+Home')
      await page.waitForFunction(() => document.activeElement?.closest('[data-row="1"]'))
      await page.keyboard.press('ArrowDown')
      await page.keyboard.press('ArrowRight')
      await page.waitForFunction(() => document.activeElement?.matches('[data-row="2"] td:nth-child(2)'))
      assert.equal(await page.locator('.bill td[tabindex="0"]').count(), 1, 'one tab stop')
      await page.goto(`${url}/runs/${id}?row=4321`)
      await page.waitForFunction(() => document.activeElement?.closest('[data-row="4321"]'))
      await shoot(page, 'positions-long', {})
      await page.getByTestId('only-flagged').check()
      await page.waitForFunction(() => Number(document.querySelector('[data-testid=positions-table]').getAttribute('aria-rowcount')) < 5001)
    })
  },

  async 'a table is copied as cells and as Markdown, and no cell is a formula'({ browser }) {
    const play = (query) => {
      const answer = structuredClone(ANSWERS[query])
      if (query === COMPLIANCE) Object.assign(answer.risks_identified[0], { title: '=cmd|calc', description: '', impact: '-5', recommendation: '@SUM(A1)\nand | more' })
      return { text: JSON.stringify(answer) }
    }
    await withReport(browser, { play, options: { permissions: ['clipboard-read', 'clipboard-write'] } }, async ({ page, url }) => {
      const id = await startRun(url)
      await ended(url, id)
      await page.goto(`${url}/runs/${id}`)
      const copy = page.getByTestId('risk-register').getByTestId('copy-table')
      const read = (type) => page.evaluate(async (wanted) => (await (await navigator.clipboard.read())[0].getType(wanted)).text(), type)
      await copy.getByRole('button', { name: /spreadsheet/ }).click()
      await copy.getByText('Copied.').waitFor()
      const cells = await read('text/plain')
      assert.match(cells, /\t'=cmd\|calc\t-5\t"'@SUM\(A1\)\nand \| more"/)
      assert.match(await read('text/html'), /<td>(&#39;|')=cmd\|calc<\/td>/)
      await copy.getByRole('button', { name: /Markdown/ }).click()
      await page.waitForFunction(async () => (await navigator.clipboard.readText()).startsWith('| Severity |'))
      assert.match(await page.evaluate(() => navigator.clipboard.readText()), /@SUM\(A1\) and \\\| more/)
    })
  },

  async 'a model that contradicts the rules is shown beside them'({ browser }) {
    const play = (query) => {
      const answer = structuredClone(ANSWERS[query])
      if (query === COMPLIANCE) answer.compliance_status.overall = 'COMPLIANT'
      return { text: JSON.stringify(answer) }
    }
    await withReport(browser, { play }, async ({ page, url }) => {
      const id = await startRun(url)
      await ended(url, id)
      await page.goto(`${url}/runs/${id}`)
      const conflicts = await page.getByTestId('conflicts').innerText()
      assert.match(conflicts, /lab: COMPLIANT/)
      assert.match(conflicts, /built-in rules: /)
      assert.match(conflicts, /the worse stands/)
    })
  },

  async 'an answer of another shape than asked says where, and its text can be read'({ browser }) {
    const play = (query) => (query === COMPLIANCE ? { text: JSON.stringify({ ...ANSWERS[COMPLIANCE], compliance_checks: 'All of them, I think.' }) } : {})
    await withReport(browser, { play }, async ({ page, url, complaints }) => {
      const id = await startRun(url)
      await ended(url, id)
      await page.goto(`${url}/runs/${id}`)
      assert.match(await page.getByTestId('not-checked').innerText(), /does not fit its schema: .*\/compliance_checks/)
      assert.equal(await page.getByTestId('risk-register').count(), 0, 'what was refused is no part of the report')
      await page.locator(`[data-query=${COMPLIANCE}]`).getByTestId('query-view').click()
      await page.getByTestId('transcript').getByText('All of them, I think.').waitFor()
      await page.getByTestId('raw-answer').click()
      assert.match(await page.getByTestId('transcript').innerText(), /"compliance_checks":"All of them, I think\."/)
      await shoot(page, 'report-odd')
      assert.deepEqual(complaints, [])
    })
  },

  async 'a panel that is no audit shows its answers with their small Markdown'({ browser }) {
    const said = '# Opinion\n\nThe strip is **sound**, see `XC4`.\n\n- one\n  - below\n- [norm](https://example.org/en206)\n\n| class | w/c |\n| --- | --- |\n| XC4 | 0.50 |\n\n![photo](https://example.org/x.png) <b>no html</b>'
    const play = (query) => (query === COMPREHENSIVE ? { text: said } : { text: 'Plain words.' })
    await withReport(browser, { play, files: BRIEF }, async ({ page, url }) => {
      const id = await startRun(url, { panel: 'brief' })
      await ended(url, id)
      await page.goto(`${url}/runs/${id}`)
      const answers = page.getByTestId('answers')
      await answers.waitFor()
      assert.equal(await answers.locator('h4').innerText(), 'Opinion')
      assert.equal(await answers.locator('li li').innerText(), 'below')
      assert.equal(await answers.locator('.marked table td').first().innerText(), 'XC4')
      assert.equal(await answers.locator('img, b').count(), 0)
      const link = answers.getByRole('link').first()
      assert.equal(await link.innerText(), 'open example.org')
      assert.match(await link.getAttribute('rel'), /noopener/)
      assert.match(await answers.innerText(), /<b>no html<\/b>/)
      assert.equal(await page.getByTestId('fix-first').count(), 0, 'no section of an audit')
      await shoot(page, 'report-brief')
    })
  },

  async 'a cancelled run keeps what had ended and says the rest'({ browser }) {
    const play = (query) => (query === COMPLIANCE ? { first: 100 } : { first: 200, every: 100, pieces: 400 })
    await withReport(browser, { play }, async ({ page, url }) => {
      const id = await startRun(url)
      await page.goto(`${url}/runs/${id}`)
      await page.locator(`[data-query=${COMPLIANCE}][data-phase=done]`).waitFor()
      await fetch(`${url}/api/v1/runs/${id}/cancel`, { method: 'POST' })
      await status(page, 'cancelled')
      assert.match(await page.getByTestId('report-status').innerText(), /Cancelled/)
      await page.getByTestId('not-checked').waitFor()
      await shoot(page, 'report-cancelled')
    })
  },

  async 'what is missing is asked again from where it is named'({ browser }) {
    let refused = false
    const once = (query) => (query === COMPLIANCE && !refused ? ((refused = true), { status: 400 }) : {})
    await withReport(browser, { play: once }, async ({ page, url }) => {
      const id = await startRun(url)
      await page.goto(`${url}/runs/${id}`)
      await status(page, 'partial')
      await page.getByTestId('retry-missing').click()
      await page.waitForURL((at) => at.pathname !== `/runs/${id}`)
      await status(page, 'completed')
      await page.getByTestId('risk-register').waitFor()
      assert.equal(await page.getByTestId('retry-missing').count(), 0)
    })
  },

  async 'a failure is named while the rest goes on, and words of models say their language'({ browser }) {
    const play = (query) => (query === COMPLIANCE ? { status: 400 } : { first: 200, every: 150, pieces: 60 })
    await withReport(browser, { play }, async ({ page, url }) => {
      const id = await startRun(url, { input: { positions: POSITIONS, language: 'cs' } })
      await page.goto(`${url}/runs/${id}`)
      await page.locator('[data-testid=query-row][data-phase=failed]').waitFor()
      await page.locator('[data-testid=query-row][data-phase=streaming]').waitFor()
      assert.match(await page.getByTestId('grounds').innerText(), /Soulad a rizika\s+lab refused the request \(400\)/)
      await page.locator('[data-testid=query-row][data-phase=streaming] .row-title').click()
      await page.locator('.received[lang=cs]').waitFor()
      await status(page, 'partial')
      await page.locator('.pairs dd[lang=cs]').first().waitFor()
      assert.equal(await page.locator('html').getAttribute('lang'), 'en')
    })
  },

  async 'page one of a print says what it is, and everything is open'({ browser }) {
    await withReport(browser, { play: failing, options: { colorScheme: 'dark' } }, async ({ page, url }) => {
      const id = await startRun(url, { positions: [...POSITIONS, ...Array.from({ length: 90 }, (_, at) => ({ item_name: `Further item ${at + 1}`, quantity: at + 1, unit: 'm2' }))] })
      await ended(url, id)
      await page.goto(`${url}/runs/${id}`)
      await page.getByTestId('report-status').waitFor()
      await page.getByTestId('only-flagged').uncheck()
      const pdf = await page.pdf({ path: 'tests/e2e/shots/print.pdf', preferCSSPageSize: true, printBackground: false })
      const pages = pdf.toString('latin1').match(/\/Type\s*\/Page\b/g)?.length ?? 0
      assert.ok(pages >= 2 && pages < 30, `${pages} pages`)
      await page.emulateMedia({ media: 'print' })
      const head = page.getByTestId('print-head')
      await head.waitFor()
      for (const part of ['Project', id, 'panel audit, revision', 'lab / lab-1', 'Partial: 1 of 2 queries', 'rows went through the checks', 'Quotations', 'Not checked', 'to be verified by a qualified person', 'Signature']) {
        assert.ok((await head.innerText()).includes(part), part)
      }
      assert.equal(await page.locator('details:not([open])').count(), 0)
      assert.equal(await page.locator('[data-row]').count(), 93, 'every row is printed')
      assert.equal(await page.getByTestId('print').isVisible(), false)
      // 178 mm, what the margins leave of A4.
      await page.setViewportSize({ width: 673, height: 960 })
      const broken = await page.locator('.sheet th, .sheet code').evaluateAll((all) =>
        all.flatMap((one) => [...one.childNodes]).filter((node) => node.nodeType === 3).flatMap((node) =>
          [...node.data.matchAll(/\S+/g)].filter((word) => {
            const range = document.createRange()
            range.setStart(node, word.index)
            range.setEnd(node, word.index + word[0].length)
            return range.getClientRects().length > 1
          }).map(([word]) => word)))
      assert.deepEqual(broken, [], 'no word of a heading and no rule is broken')
      assert.ok((await tooWide(page)) <= 0, `${await tooWide(page)} px too wide`)
      assert.equal(await page.locator('[data-testid=print-course] .segment').first().isVisible(), true, 'the course of the run is printed')
      assert.match(await page.evaluate(() => [...document.adoptedStyleSheets].flatMap((sheet) => [...sheet.cssRules]).map((rule) => rule.cssText).join()), new RegExp(id), 'each page names the run')
      assert.equal(await page.evaluate(() => getComputedStyle(document.body).color), 'rgb(21, 24, 28)', 'light colours')
      await page.emulateMedia({ media: 'screen' })
      await page.waitForFunction(() => document.querySelectorAll('[data-row]').length < 93)
    })
  },
}
