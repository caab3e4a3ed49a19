/** Starts the page: the frame is in the HTML already, this fills it. */

import { effect } from '@preact/signals'
import { render } from 'preact'
import { at } from './base'
import { listenToKeys } from './keys'
import { assertive, polite } from './notice'
import { listen, route } from './route'
import { keepLooking, standing } from './standing'
import { App } from './views/App'
import { NoticeBand } from './views/NoticeBand'
import { ThemeButton } from './views/ThemeButton'
import { say } from './words'

function mount(id: string): HTMLElement {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`the page has no #${id}`)
  element.replaceChildren()
  return element
}

listen()
listenToKeys()
render(<ThemeButton />, mount('theme'))
render(<NoticeBand />, mount('notice'))
render(<App />, mount('main'))

const says = { polite: mount('live-polite'), assertive: mount('live-assertive') }
effect(() => {
  says.polite.textContent = polite.value
})
effect(() => {
  says.assertive.textContent = assertive.value
})
effect(() => {
  const here = { form: '/', runs: '/runs', compare: '', run: '', providers: '/providers', help: '/help', unknown: '' }[route.value.page]
  for (const link of document.querySelectorAll('header nav a')) {
    if (here !== '' && link.getAttribute('href') === at(here)) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
})

const counts = { live: mount('live-runs'), ready: mount('ready-providers') }
effect(() => {
  const health = standing.value
  if (health === undefined) return
  counts.live.textContent = health.activeRuns > 0 ? say('nav.live', { n: health.activeRuns }) : ''
  counts.ready.textContent = health.readyProviders > 0 ? say('nav.ready', { n: health.readyProviders }) : ''
})
keepLooking()
