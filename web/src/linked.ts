/** What an address brings into the form: `?from=RUN`, `?panel=NAME`, `#sample-NAME`. */

import { getRun } from './api'
import { EMPTY, draftOf } from './draft'
import { isAudit } from './form'
import type { Form } from './form'
import { replace } from './keeping'
import type { Kept } from './keeping'
import { notice } from './notice'
import { SAMPLES } from './samples'
import { say } from './words'

/** Fills the form as the address says, once: a reload then finds the draft. */
export function linked(form: Form, kept: Kept): () => void {
  let over = false
  const read = () => void follow()
  const follow = async () => {
    const address = new URLSearchParams(location.search)
    const [from, panel] = [address.get('from'), address.get('panel')]
    const sample = SAMPLES.find(({ id }) => location.hash === `#sample-${id}`)
    if (from === null && panel === null && sample === undefined) return
    await kept.opened
    if (over) return
    history.replaceState(history.state, '', location.pathname)
    if (panel !== null) form.change({ panel })
    if (sample) replace(form, kept, draftOf(sample.question, { ...sample.input }, sample.title, isAudit(form) ? form.draft.value.panel : ''))
    if (from === null) return
    const answer = await getRun(from)
    if (over) return
    if (answer.ok) {
      const { question, input = {}, title } = answer.value
      replace(form, kept, { ...EMPTY, ...draftOf(question, { ...input }, '', answer.value.panel) })
      notice.value = { tone: 'plain', text: say('form.copied', { run: title }) }
    } else notice.value = { tone: 'warn', text: say('form.not_copied', { run: from, why: answer.problem.detail }) }
  }
  read()
  window.addEventListener('hashchange', read)
  return () => {
    over = true
    window.removeEventListener('hashchange', read)
  }
}
