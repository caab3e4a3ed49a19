/** Light, dark, or as the system says; the choice is kept in this browser. */

import { signal } from '@preact/signals'

export type Theme = 'auto' | 'light' | 'dark'

const KEY = 'askstream.theme'
const NEXT: Readonly<Record<Theme, Theme>> = { auto: 'light', light: 'dark', dark: 'auto' }

/** The chosen theme. */
export const theme = signal<Theme>(kept())
show(theme.value)

/** Takes the next theme and keeps it. */
export function nextTheme(): void {
  theme.value = NEXT[theme.value]
  show(theme.value)
  try {
    localStorage.setItem(KEY, theme.value)
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

function show(chosen: Theme): void {
  if (chosen === 'auto') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = chosen
}

function kept(): Theme {
  try {
    const value = localStorage.getItem(KEY)
    return value === 'light' || value === 'dark' ? value : 'auto'
  } catch {
    return 'auto'
  }
}
