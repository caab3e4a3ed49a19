// What tests of the form need: the form of a server, ready to be filled.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { openPage, root } from './lab.mjs'

const shots = join(root, 'tests/e2e/shots')
mkdirSync(shots, { recursive: true })
export const shoot = (page, name) => page.screenshot({ path: join(shots, `ask-${name}.png`), fullPage: true })

export const grid = (page) => page.getByTestId('boq-grid')

/** The form of a server, ready to be filled. */
export async function open(browser, url, options) {
  const opened = await openPage(browser, { url }, options)
  await opened.page.goto(`${url}/`)
  await grid(opened.page).waitFor()
  return opened
}
