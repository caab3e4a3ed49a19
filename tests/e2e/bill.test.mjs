// A bill on its way in and the report on its way out: files read by the server, corrections, decisions, exports, two runs side by side.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { judged, small, tooWide } from './judging.mjs'
import { openPage, root } from './lab.mjs'
import { COMPLIANCE, ANSWERS } from './provider.mjs'
import { POSITIONS, QUESTION, ended, shoot, startRun, withReport } from './reading.mjs'

const BILLS = join(root, 'tests/fixtures/bills')
const file = (name) => join(BILLS, name)
const cell = (page, row, key) => page.locator(`#cell-${row}-${key}`)
const text = async (locator) => (await locator.innerText()).replace(/\s+/g, ' ').trim()
/** A refusal is an answer here; the browser logs each. */
const refusals = (status) => [new RegExp(`status of ${status}`)]

async function eventually(what, holds) {
  for (let left = 150; left > 0; left -= 1) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  assert.fail(what)
}

/** The form, ready to take a bill. */
async function form(browser, server, options) {
  const opened = await openPage(browser, server, options)
  await opened.page.goto(`${server.url}/`)
  await opened.page.getByTestId('boq-grid').waitFor()
  return opened
}

const choose = (page, name) => page.getByTestId('boq-file').setInputFiles(file(name))
const reads = (page, sentence) => eventually(`"${sentence}"`, async () => sentence.test(await text(page.getByTestId('boq-reading'))))

/** Drops a file on the bill, as a file manager would. */
async function drop(page, name, onto = page.getByTestId('boq-drop')) {
  const bytes = [...readFileSync(file(name))]
  const data = await page.evaluateHandle(({ bytes, name }) => {
    const data = new DataTransfer()
    data.items.add(new File([new Uint8Array(bytes)], name))
    return data
  }, { bytes, name })
  for (const type of ['dragover', 'drop']) await onto.dispatchEvent(type, { dataTransfer: data })
}

/** Pastes both forms of a spreadsheet's cells into whatever has the focus. */
function paste(page, { text, html = '' }) {
  return page.evaluate(({ text, html }) => {
    const data = new DataTransfer()
    data.setData('text/plain', text)
    if (html) data.setData('text/html', html)
    document.activeElement.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }))
  }, { text, html })
}

/** The state in both schemes and narrow, judged in each. */
async function shootAll(page, name) {
  await judged(page, name)
  assert.deepEqual(await small(page), [], 'everything can be hit')
  await page.emulateMedia({ colorScheme: 'light' })
  await shoot(page, `bill-${name}`)
  await page.emulateMedia({ colorScheme: 'dark' })
  await shoot(page, `bill-${name}-dark`)
  await page.emulateMedia({ colorScheme: 'light' })
  const size = page.viewportSize()
  await page.setViewportSize({ width: 360, height: 780 })
  await shoot(page, `bill-${name}-narrow`)
  assert.ok((await tooWide(page)) <= 0, 'the page does not scroll sideways')
  await page.setViewportSize(size)
}

/** A run with the strip's bill, ended; its page. */
async function report(page, url, options) {
  const id = await startRun(url, options)
  await ended(url, id)
  await page.goto(`${url}/runs/${id}`)
  await page.getByTestId('report-status').waitFor()
  return id
}

export const tests = {
  async 'a workbook with hidden rows is read, and they are read when somebody says so'({ server, browser }) {
    const { page, close } = await form(browser, server)
    await choose(page, 'hidden-rows.xlsx')
    await reads(page, /3 items, 0 headings, 0 sums, 0 rows ignored/)
    assert.match(await text(page.getByTestId('boq-warnings')), /Hidden in the file and left out: row 4/)
    assert.match(await text(page.getByTestId('boq-reading')), /Left out: 1 hidden rows, 0 hidden columns/)
    assert.match(await text(page.getByTestId('boq-sum')), /Sum read 154 626\.12 Your file states no sum/)
    assert.equal(await cell(page, 0, 'quantity').innerText(), '22.5')
    await page.locator('[data-testid=checks-line][data-state=done]').waitFor()
    await page.getByTestId('boq-hidden').check()
    await reads(page, /4 items/)
    await page.getByRole('button', { name: 'Undo' }).click()
    await reads(page, /3 items/)
    assert.equal(await page.getByTestId('boq-hidden').isChecked(), false, 'what is shown is what stands in the table')
    await page.getByRole('button', { name: 'Undo' }).waitFor({ state: 'detached' })
    await close()
  },

  async 'a dropped file in windows-1250 shows every guess, and its sum against that of the file'({ server, browser }) {
    const { page, close } = await form(browser, server)
    await page.evaluate(() => window.addEventListener('drop', (event) => (globalThis.stayed = event.defaultPrevented)))
    await drop(page, 'windows-1250-titles.csv', page.locator('h1'))
    assert.equal(await page.evaluate(() => globalThis.stayed), true, 'a file that misses does not take the page away')
    await drop(page, 'windows-1250-titles.csv')
    await reads(page, /How "windows-1250-titles\.csv" was read/)
    assert.equal(await page.getByLabel('Encoding').inputValue(), 'windows-1250')
    assert.equal(await page.getByLabel('Separator').inputValue(), ';')
    assert.equal(await page.getByLabel('Decimal mark').inputValue(), ',')
    assert.equal(await page.getByLabel('Row of headings').inputValue(), '3')
    assert.match(await text(page.getByTestId('boq-reading')), /\d+ % sure/)
    assert.match(await text(page.getByTestId('boq-sum')), /Sum read 149 625\.00 Sum in your file 149 625\.00 \(cell G6\) match/)
    assert.equal(await cell(page, 0, 'item_name').innerText(), 'Základy z betonu C30/37')
    await shootAll(page, 'read')
    await page.getByLabel('Encoding').selectOption('iso-8859-2')
    await reads(page, /chosen by you/)
    await page.getByLabel('Encoding').selectOption('windows-1250')
    await page.getByLabel('What column Množství holds').selectOption('')
    await eventually('the quantities are gone', async () => (await text(cell(page, 0, 'quantity'))) === '')
    await page.getByLabel('What column Množství holds').selectOption('quantity')
    await eventually('they are back', async () => (await text(cell(page, 0, 'quantity'))) === '22.5')
    await page.getByLabel('Row of headings').fill('0')
    await page.getByLabel('Row of headings').press('Tab')
    await eventually('no row heads the columns', async () => (await page.getByLabel('Row of headings').inputValue()) === '0')
    await close()
  },

  async 'a stated sum that differs is told'({ server, browser }) {
    const { page, close } = await form(browser, server)
    await page.getByTestId('boq-file').setInputFiles({ name: 'wrong sum.csv', mimeType: 'text/csv', buffer: Buffer.from('Description;Unit;Quantity;Unit price;Total\nConcrete;m3;2;100,00;200,00\nFormwork;m2;3;10,00;30,00\nTotal;;;;250,00\n') })
    await reads(page, /Sum read 230\.00 Sum in your file 250\.00 \(cell E4\) differs by 20\.00/)
    await close()
  },

  async 'where both decimal marks are possible, both sums are there to choose'({ server, browser }) {
    const { page, close } = await form(browser, server)
    await choose(page, 'ambiguous.csv')
    const readings = page.getByTestId('boq-readings')
    await readings.waitFor()
    assert.match(await text(readings), /Comma for decimals: sum 1 290\.00 Point for decimals: sum 57\.23/)
    await shootAll(page, 'ambiguous')
    await readings.getByRole('button', { name: /Comma/ }).click()
    await eventually('the thousands are read', async () => (await text(cell(page, 0, 'quantity'))) === '1234')
    await page.getByLabel('Decimal mark').selectOption('.')
    await eventually('the thousandths are read', async () => (await text(cell(page, 0, 'quantity'))) === '1.234')
    await close()
  },

  async 'another sheet is chosen, and rows taken over are edited as before'({ server, browser }) {
    const { page, close } = await form(browser, server)
    await choose(page, 'several-sheets.xlsx')
    await reads(page, /Sheet/)
    assert.equal(await page.getByRole('combobox', { name: 'Sheet' }).inputValue(), 'Rozpočet')
    await cell(page, 0, 'quantity').click()
    await page.keyboard.press('Control+a')
    await page.keyboard.type('99')
    await page.keyboard.press('Enter')
    assert.equal(await cell(page, 0, 'quantity').innerText(), '99')
    await page.getByRole('combobox', { name: 'Sheet' }).selectOption('Pozn')
    await eventually('the other sheet is read', async () => (await page.getByRole('combobox', { name: 'Sheet' }).inputValue()) === 'Pozn')
    await page.getByRole('button', { name: 'Undo' }).click()
    await eventually('what was typed comes back', async () => (await text(cell(page, 0, 'quantity'))) === '99')
    assert.equal(await page.getByRole('combobox', { name: 'Sheet' }).inputValue(), 'Rozpočet')
    await close()
  },

  async 'what is no table is refused in the words of the server, and the table stays'({ server, browser }) {
    const { page, close } = await form(browser, server, { allow: [...refusals(415), ...refusals(422), ...refusals(413)] })
    await choose(page, 'ambiguous.csv')
    await page.getByTestId('boq-readings').waitFor()
    const refused = page.getByTestId('boq-refused')
    await choose(page, 'drawing.dwg')
    await refused.waitFor()
    assert.match(await text(refused), /"drawing\.dwg" is not a table CSV, TSV or XLSX work\./)
    await choose(page, 'torn.xlsx')
    await eventually('the damage is told', async () => /is damaged .* Open it in a spreadsheet program/.test(await text(refused)))
    const rows = Array.from({ length: 20_100 }, (_, n) => `Item ${n};m3;${n}`).join('\n')
    await page.getByTestId('boq-file').setInputFiles({ name: 'long.csv', mimeType: 'text/csv', buffer: Buffer.from(`Description;Unit;Quantity\n${rows}`) })
    await eventually('the limit of rows is told', async () => /the bill has \d+ rows; at most 20000 are read/.test(await text(refused)))
    await page.getByTestId('boq-file').setInputFiles({ name: 'large.csv', mimeType: 'text/csv', buffer: Buffer.alloc(10 * 2 ** 20 + 1, 'a') })
    await eventually('the limit of bytes is told', async () => /"large\.csv" has 10\.1 MB; 10 MB are the limit/.test(await text(refused)))
    await shoot(page, 'bill-refused')
    assert.equal(await cell(page, 1, 'item_name').innerText(), 'Formwork')
    await close()
  },

  async 'cells pasted from a spreadsheet are read with their HTML, and single cells stay cells'({ server, browser }) {
    const { page, close } = await form(browser, server)
    const pasted = JSON.parse(readFileSync(file('pasted.json'), 'utf8'))
    await cell(page, 0, 'item_name').focus()
    await paste(page, pasted)
    await page.getByText('Pasted 2 rows').first().waitFor()
    assert.match(await text(page.getByTestId('boq-reading')), /How the pasted rows were read/)
    assert.equal(await cell(page, 0, 'quantity').innerText(), '12.5')
    assert.match(await cell(page, 0, 'item_name').innerText(), /Roura 5/)
    // Two cells without headings go where the cursor is.
    await cell(page, 0, 'unit').focus()
    await paste(page, { text: 'kus\t3\nkus\t4\n' })
    await page.getByText('Pasted 2 lines of cells').first().waitFor()
    assert.equal(await cell(page, 1, 'quantity').innerText(), '4')
    assert.equal(await cell(page, 1, 'unit').innerText(), 'kus')
    await cell(page, 1, 'unit').focus()
    await paste(page, { text: 'm2' })
    await eventually('one cell is text', async () => (await text(cell(page, 1, 'unit'))) === 'm2')
    for (const left of [3, 2, 1]) {
      assert.ok(left > 0)
      await cell(page, 0, 'item_name').focus()
      await page.keyboard.press('Control+z')
    }
    await page.getByTestId('boq-reading').waitFor({ state: 'detached' })
    assert.equal(await text(cell(page, 0, 'item_name')), '')
    await close()
  },

  async 'a decision is kept over a reload, exported, and told when it is not kept'({ browser }) {
    await withReport(browser, { options: { allow: [/net::ERR_/] } }, async ({ page, url, server }) => {
      const id = await report(page, url)
      const first = page.getByTestId('decision').first()
      const finding = await first.getAttribute('data-finding')
      const of = page.locator(`[data-testid=decision][data-finding="${finding}"]`)
      await of.getByRole('combobox').focus()
      await page.keyboard.press('ArrowDown')
      assert.equal(await of.getByRole('combobox').inputValue(), 'fix', 'the keyboard decides')
      await of.getByRole('combobox').selectOption('dispute')
      await of.getByRole('textbox').fill('one side only')
      await of.getByRole('textbox').press('Enter')
      const kept = async () => (await (await fetch(`${url}/api/v1/runs/${id}`)).json()).decisions?.[finding]
      await eventually('the server keeps it', async () => (await kept())?.note === 'one side only')
      await page.reload()
      await of.waitFor()
      assert.equal(await of.getByRole('combobox').inputValue(), 'dispute')
      assert.equal(await of.getByRole('textbox').inputValue(), 'one side only')
      assert.match(await text(page.getByTestId('findings')), /1 of \d+ findings decided/)
      assert.match(await text(page.getByTestId('positions-table')), /Dispute: one side only/)
      assert.match(await (await fetch(`${url}/api/v1/runs/${id}/export?format=csv`)).text(), /one side only/)
      await shootAll(page, 'decided')
      await page.getByTestId('findings').screenshot({ path: join(root, 'tests/e2e/shots/bill-decisions.png') })
      await page.setViewportSize({ width: 360, height: 780 })
      await page.getByTestId('findings').screenshot({ path: join(root, 'tests/e2e/shots/bill-decisions-narrow.png') })
      await page.setViewportSize({ width: 1280, height: 900 })
      await server.kill()
      await of.getByRole('combobox').selectOption('accept')
      await page.locator(`[data-finding="${finding}"][data-state=refused]`).waitFor()
      assert.equal(await of.getByRole('combobox').inputValue(), 'dispute', 'what the server has is shown')
      assert.match(await text(of), /Not kept: /)
      await server.revive()
      await of.getByRole('combobox').selectOption('')
      await eventually('a decision is taken back', async () => (await kept()) === undefined)
    })
  },

  async 'every export of the menu gives a file'({ browser }) {
    await withReport(browser, { options: { acceptDownloads: true } }, async ({ page, url }) => {
      const id = await report(page, url)
      const menu = page.getByTestId('export-menu')
      const forms = ['format=xlsx', 'format=csv', 'format=csv&style=european', 'format=md', 'format=html', 'format=json', 'format=ndjson']
      for (const form of forms) {
        await menu.getByRole('button').click()
        if (form === forms[0]) await shoot(page, 'bill-export', {})
        const [download] = await Promise.all([page.waitForEvent('download'), menu.locator(`a[data-form="${form}"]`).click()])
        const bytes = readFileSync(await download.path())
        assert.ok(bytes.length > 100, form)
        assert.match(download.suggestedFilename(), new RegExp(`^${id}\\.\\w+$`))
        if (form.includes('european')) assert.deepEqual([...bytes.subarray(0, 3)], [0xef, 0xbb, 0xbf])
        await menu.getByRole('link').first().waitFor({ state: 'detached' })
      }
      assert.equal(new URL(page.url()).pathname, `/runs/${id}`)
      await menu.getByRole('button').focus()
      const focus = (word) => page.waitForFunction((word) => document.activeElement.textContent.includes(word), word)
      await page.keyboard.press('Enter')
      await focus('XLSX')
      await page.keyboard.press('ArrowDown')
      await focus('CSV')
      await page.keyboard.press('Escape')
      assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Export', 'Escape gives the focus back')
    })
  },

  async 'quotations have a badge for what was found, and marks only then'({ browser }) {
    const said = structuredClone(ANSWERS[COMPLIANCE])
    said.risks_identified[0].evidence = 'groundwater pH 6.2'
    said.risks_identified[1].description = 'The bill says "a roof of pure gold" somewhere.'
    said.document_issues[0].description = 'The bill says "Formwork of the strip" once.'
    const play = (query) => (query === COMPLIANCE ? { text: JSON.stringify(said) } : {})
    await withReport(browser, { play }, async ({ page, url }) => {
      await report(page, url)
      const risks = await text(page.getByTestId('risk-register').getByTestId('quotes'))
      assert.match(risks, /“groundwater pH 6\.2” found in your input in the description/)
      assert.match(risks, /(?<!“)a roof of pure gold(?!”) not found/)
      assert.match(await text(page.getByTestId('quote-count')), /Quotations \d+ of \d+ quotations found in your input/)
      await page.getByRole('region', { name: 'Document issues' }).getByTestId('quotes').locator('summary').click()
      await page.getByRole('region', { name: 'Document issues' }).getByRole('link', { name: 'row 3' }).click()
      await page.waitForFunction(() => document.activeElement?.closest('[data-row="3"]'))
      await page.getByTestId('risk-register').screenshot({ path: join(root, 'tests/e2e/shots/bill-quotes.png') })
    })
  },

  async 'a check that the model passed and the numbers fail says both'({ browser }) {
    const said = structuredClone(ANSWERS[COMPLIANCE])
    said.compliance_checks = [{ category: 'Durability', items: [{ check: 'w/c ratio', status: 'PASS', required: '<= 0.45', found: '0.60' }] }]
    const play = (query) => (query === COMPLIANCE ? { text: JSON.stringify(said) } : {})
    await withReport(browser, { play }, async ({ page, url }) => {
      await report(page, url)
      assert.match(await text(page.getByTestId('compliance-table')), /not met the model said: met/)
      await page.getByTestId('compliance').screenshot({ path: join(root, 'tests/e2e/shots/bill-claimed.png') })
    })
  },

  async 'two runs of the history are set side by side'({ browser }) {
    await withReport(browser, {}, async ({ page, url }) => {
      const a = await startRun(url, { metadata: {} })
      await ended(url, a)
      const b = await startRun(url, { positions: POSITIONS.map((row) => (row.unit === 'm2' ? { ...row, quantity: 54.96 } : row)), question: `${QUESTION}, second try` })
      await ended(url, b)
      await page.goto(`${url}/runs`)
      const row = (id) => page.locator(`[data-testid=history-row][data-run=${id}]`)
      await row(b).getByTestId('history-menu').click()
      await page.getByRole('button', { name: 'Compare with...' }).click()
      await page.getByTestId('comparing').waitFor()
      await shootAll(page, 'comparing')
      await row(a).getByTestId('compare-with').click()
      await page.getByTestId('compare-counts').waitFor()
      assert.equal(new URL(page.url()).search, `?a=${a}&b=${b}`, 'the older one comes first')
      assert.match(await text(page.getByTestId('compare-counts')), /[1-9]\d* resolved, \d+ new, \d+ unchanged/)
      assert.match(await text(page.getByTestId('compare-resolved')), /108 m2 against 54\.96 m2/)
      assert.match(await text(page.getByTestId('compare-facts')), /Total time .* s|ms/)
      await shootAll(page, 'compare')
      await page.reload()
      await page.getByTestId('compare-counts').waitFor()
      await page.getByTestId('compare-facts').getByRole('link').first().click()
      await page.getByTestId('report-status').waitFor()
      assert.equal(new URL(page.url()).pathname, `/runs/${a}`)
    })
  },

  async 'a comparison that cannot be made says why'({ server, browser }) {
    const { page, close } = await openPage(browser, server, { allow: [...refusals(422), ...refusals(404)] })
    await page.goto(`${server.url}/runs/compare`)
    await page.getByTestId('compare-problem').waitFor()
    assert.match(await text(page.getByTestId('compare-problem')), /expected the id of an ended run/)
    await page.getByRole('link', { name: 'Choose two runs' }).click()
    await page.getByRole('heading', { name: 'Runs' }).waitFor()
    await close()
  },
}
