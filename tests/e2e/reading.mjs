// What tests of the report need: a run made at the server, a page that reads it, and measures of what is seen.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { openPage, root } from './lab.mjs'
import { startProvider, startServerWith } from './provider.mjs'

const shots = join(root, 'tests/e2e/shots')
mkdirSync(shots, { recursive: true })
export const shoot = (page, name, options = { fullPage: true }) => page.screenshot({ path: join(shots, `${name}.png`), ...options })

export const QUESTION = 'Foundation strip 45 m x 0.8 m x 0.6 m, groundwater pH 6.2, C30/37 XC4 XF3'

/** The strip's bill, with the formwork counted twice. */
export const POSITIONS = [
  { item_name: 'Concrete C30/37 foundation strip', quantity: 22.5, unit: 'm3' },
  { item_name: 'Reinforcement B500B', quantity: 2.25, unit: 't' },
  { item_name: 'Formwork of the strip', quantity: 108, unit: 'm2' },
]

/** Makes a run at the server; answers its id. */
export async function startRun(url, { question = QUESTION, panel = 'audit', positions = POSITIONS, ...more } = {}) {
  const input = panel === 'audit' ? { positions } : undefined
  const body = JSON.stringify({ panel, question, input, options: { on_disconnect: 'continue' }, ...more })
  const answer = await fetch(`${url}/api/v1/runs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  const made = await answer.json()
  if (!made.run_id) throw new Error(`no run: ${JSON.stringify(made)}`)
  return made.run_id
}

/** Waits until the run has ended at the server; answers its result. */
export async function ended(url, id) {
  for (;;) {
    const answer = await fetch(`${url}/api/v1/runs/${id}/result`)
    const body = await answer.json()
    if (body.type === 'final_result') return body
    if (answer.status !== 202 && answer.status !== 409) throw new Error(JSON.stringify(body))
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

export const status = (page, value) => page.locator(`[data-testid=run-status][data-status=${value}]`).waitFor({ timeout: 30_000 })

/** A server over a provider that plays `play`, and a page on it; all of it is gone afterwards. */
export async function withReport(browser, { play = () => ({}), limits, files, options }, use) {
  const provider = await startProvider(play)
  const server = await startServerWith(provider, limits, files)
  const opened = await openPage(browser, server, options)
  opened.page.setDefaultTimeout(15_000)
  try {
    await use({ ...opened, url: server.url, provider, server })
  } finally {
    await opened.close()
    await server.stop()
    provider.stop()
  }
}

/** Sums up what moves on the page without the reader's doing; asked with `shifts`. */
export function watchShifts(page) {
  return page.addInitScript(() => {
    globalThis.moved = { sum: 0, what: [] }
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        if (entry.hadRecentInput) continue
        globalThis.moved.sum += entry.value
        const names = entry.sources.map(({ node, previousRect, currentRect }) => {
          const element = node?.nodeType === 1 ? node : node?.parentElement
          const name = element?.getAttribute?.('data-testid') || element?.className || element?.nodeName
          return `${name} ${Math.round(previousRect.y)}+${Math.round(previousRect.height)} -> ${Math.round(currentRect.y)}+${Math.round(currentRect.height)}`
        })
        globalThis.moved.what.push(`${entry.value.toFixed(4)}: ${names.join(', ')}`)
      }
    }).observe({ type: 'layout-shift', buffered: true })
  })
}

export const shifts = (page) => page.evaluate(() => globalThis.moved)

/** A panel that is no audit: two text answers and one of JSON. */
export const BRIEF = {
  '.config/askstream/panels/brief/panel.toml': [
    'title = { en = "Brief" }',
    ...['first', 'second'].flatMap((id, at) => [
      '[[query]]',
      `id = "${id}"`,
      `title = { en = "The ${id} opinion" }`,
      'models = ["default"]',
      'prompt = "prompt.md"',
      `temperature = ${at === 0 ? 0.3 : 0.2}`,
    ]),
    '',
  ].join('\n'),
  '.config/askstream/panels/brief/prompt.md': '{{ question }}\n',
}
