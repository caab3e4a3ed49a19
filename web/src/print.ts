/** Paper: while a page is printed all of it is there, with everything open that can be opened. */

import { signal } from '@preact/signals'

/** Whether the page is being printed. */
export const printing = signal(false)

let opened: readonly HTMLDetailsElement[] = []

function begin(): void {
  if (printing.value) return
  printing.value = true
  opened = [...document.querySelectorAll<HTMLDetailsElement>('details:not([open])')]
  for (const one of opened) one.open = true
}

function end(): void {
  if (!printing.value) return
  printing.value = false
  for (const one of opened) one.open = false
  opened = []
}

let foot: CSSStyleSheet | undefined

/** Puts `text` at the foot of each printed page, beside its number. */
export function footPages(text: string): void {
  if (foot === undefined) {
    foot = new CSSStyleSheet()
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, foot]
  }
  foot.replaceSync(`@page { @bottom-left { content: ${JSON.stringify(text)}; } }`)
}

window.addEventListener('beforeprint', begin)
window.addEventListener('afterprint', end)
matchMedia('print').addEventListener('change', (event) => (event.matches ? begin() : end()))
