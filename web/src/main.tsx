/** Starts the page: the frame is in the HTML already, this fills it. */

import { effect } from '@preact/signals'
import { render } from 'preact'
import { assertive, polite } from './notice'
import { listen, route } from './route'
import { App } from './views/App'
import { NoticeBand } from './views/NoticeBand'
import { ThemeButton } from './views/ThemeButton'

function mount(id: string): HTMLElement {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`the page has no #${id}`)
  element.replaceChildren()
  return element
}

listen()
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
  const here = { form: '/', help: '/help', run: '', unknown: '' }[route.value.page]
  for (const link of document.querySelectorAll('header nav a')) {
    if (link.getAttribute('href') === here) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
})
