import { useSignal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { getInputFields, getPanels } from '../asking'
import { lazyCheck } from '../checking'
import { faultsOf } from '../faults'
import { chosenPanel, takenOf } from '../form'
import type { Form } from '../form'
import { label } from '../format'
import type { Kept } from '../keeping'
import { linked } from '../linked'
import { lostAt } from '../reach'
import { route } from '../route'
import { watch } from '../watching'
import { learn, say } from '../words'
import { along } from '../words/along'
import { Bill } from './Bill'
import { ChecksLine } from './ChecksLine'
import { Consent } from './Consent'
import { Options } from './Options'
import { Specifications } from './Specifications'

export { simulate, submit } from '../submit'
export { Destinations } from './Destinations'
export { ErrorSummary } from './ErrorSummary'

learn(along)

/** What goes along with the description, and all that the form does besides taking text. Loaded after the first view. */
export function SentAlong({ form, kept }: { form: Form; kept: Kept }) {
  const checking = useMemo(() => lazyCheck(form), [form])
  const shown = useSignal(false)
  checking.use()
  useServer(form)
  useEffect(() => linked(form, kept), [route.value])
  const takes = form.takes.value
  const draft = form.draft.value
  const taken = takenOf(draft, takes)
  useEffect(() => {
    if (form.faults.value.length === 0) return
    // What is mended is not shown any more; what the server said holds until it is asked again.
    const left = new Set(faultsOf(taken).map(({ field, text }) => field + text))
    form.faults.value = form.faults.value.filter(({ field, text }) => left.has(field + text))
    form.problem.value = undefined
  }, [draft])
  const more = Object.keys(taken.rest)
  return (
    <>
      {takes.positions && <Bill form={form} flags={checking.flags.value} from={draft.sample} />}
      {takes.checks && <ChecksLine form={form} checking={checking} shown={shown} />}
      {takes.specifications && <Specifications form={form} from={draft.sample} />}
      {more.length > 0 && (
        <p class="hint">
          {say('form.rest', { fields: more.map(label).join(', ') })}{' '}
          <button type="button" class="quiet" aria-label={say('form.remove_rest')} onClick={() => form.change({ rest: {} })}>
            {say('form.remove')}
          </button>
        </p>
      )}
      <Options form={form} />
      <Consent />
    </>
  )
}

/** Asks what the server is like, and what the chosen panel takes. */
function useServer(form: Form): void {
  const gone = lostAt.value !== undefined
  const chosen = chosenPanel(form)
  useEffect(watch, [])
  useEffect(() => {
    if (!gone) void getPanels().then((answer) => answer.ok && (form.panels.value = answer.value))
  }, [gone])
  useEffect(() => {
    if (chosen === undefined) return undefined
    let over = false
    void getInputFields(chosen.name).then((answer) => {
      // Another panel may have been chosen meanwhile.
      if (over || !answer.ok) return
      const takes = (name: string) => answer.value.includes(name)
      form.takes.value = { positions: takes('positions'), specifications: takes('specifications'), language: takes('language'), checks: chosen.checks, ...(answer.value.length > 0 && { fields: answer.value }) }
    })
    return () => {
      over = true
    }
  }, [chosen?.name])
}
