/** Keeps what stands in the form while it is open, and brings it back. */

import { signal } from '@preact/signals'
import type { Signal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { EMPTY, isBlank, keepDraft, newDraft, openDraft } from './draft'
import type { Draft, Opened } from './draft'
import type { Form } from './form'
import { notice } from './notice'
import { say } from './words'

const SAVE_MS = 2_000

/** Where the form's content is kept. */
export interface Kept {
  /** The draft's id, once one is opened. */
  readonly id: Signal<string>
  /** Whether it was sent as it stands, and is not offered to other tabs any more. */
  readonly sent: Signal<boolean>
  /** Whether this browser refused to keep it. */
  readonly full: Signal<boolean>
  /** Resolves when what was kept stands in the form. */
  readonly opened: Promise<Opened>
}

/** Keeps a draft now. */
export function keep(kept: Kept, draft: Draft, sent = false): void {
  kept.sent.value = sent
  if (kept.id.value !== '') kept.full.value = !keepDraft(kept.id.value, draft, sent)
}

/** Puts another draft into the form; the one that stood there stays kept. */
export function replace(form: Form, kept: Kept, draft: Draft): void {
  keep(kept, form.draft.value)
  kept.id.value = newDraft(draft).id
  form.draft.value = draft
  form.faults.value = []
}

/** Restores the draft of this tab, and keeps what is typed: every two seconds, and when the page is left. */
export function useDraft(form: Form): Kept {
  const kept = useMemo<Kept>(() => ({ id: signal(''), sent: signal(false), full: signal(false), opened: openDraft() }), [form])
  useEffect(() => {
    void kept.opened.then(({ id, draft: found, restored }) => {
      if (kept.id.value !== '') return
      kept.id.value = id
      // Who is already typing is not interrupted.
      if (isBlank(form.draft.value)) form.draft.value = found
      if (restored) offerToDiscard(form)
    })
    const now = () => keep(kept, form.draft.value)
    const hidden = () => document.hidden && now()
    window.addEventListener('pagehide', now)
    document.addEventListener('visibilitychange', hidden)
    return () => {
      if (!kept.sent.value) now()
      window.removeEventListener('pagehide', now)
      document.removeEventListener('visibilitychange', hidden)
      notice.value = undefined
    }
  }, [kept])
  const id = kept.id.value
  useEffect(() => {
    if (id === '') return undefined
    let last = form.draft.value
    const timer = setInterval(() => {
      if (last === form.draft.value) return
      last = form.draft.value
      keep(kept, last)
    }, SAVE_MS)
    return () => clearInterval(timer)
  }, [id])
  return kept
}

function offerToDiscard(form: Form): void {
  const discard = () => {
    const before = form.draft.value
    form.draft.value = { ...EMPTY, panel: before.panel }
    form.faults.value = []
    const undo = () => {
      form.draft.value = before
      notice.value = undefined
    }
    notice.value = { tone: 'plain', text: say('form.discarded'), action: { label: say('form.undo'), run: undo } }
    document.getElementById('question')?.focus()
  }
  notice.value = { tone: 'plain', text: say('form.draft'), action: { label: say('form.discard'), run: discard } }
}
