/** The one key that works everywhere: `?` shows the help, unless somebody writes or has switched it off. */

import { signal } from '@preact/signals'
import { go } from './route'

const KEY = 'askstream.help-key'
const OFF = 'off'
const WRITING = 'input, select, textarea, [contenteditable]'

/** Whether `?` shows the help; kept in this browser, since who speaks to a computer types by accident. */
export const helpKey = signal(kept())

/** Switches the key on or off. */
export function setHelpKey(on: boolean): void {
  helpKey.value = on
  try {
    if (on) localStorage.removeItem(KEY)
    else localStorage.setItem(KEY, OFF)
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

/** Listens for the key; grids and dialogs keep those that they take. */
export function listenToKeys(): void {
  document.addEventListener('keydown', (event) => {
    if (event.key !== '?' || !helpKey.value || event.ctrlKey || event.metaKey || event.altKey) return
    if (event.target instanceof Element && event.target.closest(WRITING) !== null) return
    if (document.querySelector('dialog[open]') === null) go('/help')
  })
}

function kept(): boolean {
  try {
    return localStorage.getItem(KEY) !== OFF
  } catch {
    return true
  }
}
