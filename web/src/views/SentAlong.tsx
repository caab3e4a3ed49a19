import { useSignal } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import { lazyCheck } from '../checking'
import type { Form } from '../form'
import { label } from '../format'
import { say } from '../words'
import { Bill } from './Bill'
import { ChecksLine } from './ChecksLine'
import { Consent } from './Consent'
import { Options } from './Options'
import { Specifications } from './Specifications'

export { start, startHere } from '../start'

/** What goes along with the description. Loaded after the first view. */
export function SentAlong({ form }: { form: Form }) {
  const checking = useMemo(() => lazyCheck(form), [form])
  const shown = useSignal(false)
  checking.use()
  const { sample, rest } = form.draft.value
  const takes = form.takes.value
  const more = Object.keys(rest)
  return (
    <>
      {takes.positions && <Bill form={form} flags={checking.flags.value} from={sample} />}
      {takes.checks && <ChecksLine form={form} checking={checking} shown={shown} />}
      {takes.specifications && <Specifications form={form} from={sample} />}
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
