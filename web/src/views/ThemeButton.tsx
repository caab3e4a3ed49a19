import { nextTheme, theme } from '../theme'
import { say } from '../words'

/** Takes the next theme; says which one is on. */
export function ThemeButton() {
  const chosen = theme.value
  const words = { auto: say('theme.auto'), light: say('theme.light'), dark: say('theme.dark') }[chosen]
  return (
    <button type="button" class="quiet icon" onClick={nextTheme} aria-label={words} title={words}>
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
        <circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" stroke-width="1.3" />
        {chosen !== 'light' && <path d={chosen === 'dark' ? 'M8 1.8a6.2 6.2 0 0 1 0 12.4a6.2 6.2 0 0 1 0-12.4' : 'M8 1.8a6.2 6.2 0 0 1 0 12.4z'} fill="currentColor" />}
      </svg>
    </button>
  )
}
