import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { isTerminal } from '../run'
import type { RunView } from '../run'
import { statusWord } from '../sentences'
import { say } from '../words'

/** Whether this browser can notify, and the reader has not forbidden it. */
const isPossible = () => window.isSecureContext && 'Notification' in window && Notification.permission !== 'denied'

/** Tells of the end of the run outside the page; the browser asks for leave only after a click. Phones have no such thing. */
export function Notify({ run }: { run: RunView }) {
  const wanted = useSignal(false)
  const ended = isTerminal(run)
  useEffect(() => {
    if (!ended || !wanted.value) return
    const told = new Notification(say('run.page_done', { status: statusWord(run.status), title: run.title }), { tag: run.id })
    told.onclick = () => window.focus()
  }, [ended])
  if (ended || !isPossible()) return null
  const toggle = async () => {
    const leave = wanted.value || Notification.permission === 'granted' ? 'granted' : await Notification.requestPermission()
    wanted.value = !wanted.value && leave === 'granted'
  }
  return (
    <button type="button" class="notify" data-testid="notify" aria-pressed={wanted.value} onClick={() => void toggle()}>
      {say('run.notify')}
    </button>
  )
}
