import { useSignal } from '@preact/signals'
import type { Form } from '../form'
import { specId } from '../faults'
import { label } from '../format'
import { KNOWN_PATHS, dropLine, linesOf, setLine } from '../specs'
import { say } from '../words'

/** The specifications, one line for each value, as they were given and as they are typed. */
export function Specifications({ form, from }: { form: Form; from: string }) {
  const wanted = useSignal('')
  const { specifications } = form.draft.value
  const lines = linesOf(specifications)
  const put = (keys: readonly string[], typed: string) => form.change({ specifications: setLine(specifications, keys, typed) })
  const add = () => {
    const keys = wanted.value.trim().split('.').filter(Boolean)
    wanted.value = ''
    if (keys.length === 0) return
    if (!lines.some((line) => line.keys.join('.') === keys.join('.'))) put(keys, '')
    requestAnimationFrame(() => document.getElementById(specId(keys))?.focus())
  }
  return (
    <section class="along" aria-labelledby="specs-title" data-testid="specs">
      <h2 id="specs-title">
        {say('form.specifications')} <span class="muted">{lines.length > 0 && from ? say('form.of_sample', { sample: from }) : say('form.optional')}</span>
      </h2>
      {lines.length > 0 && (
        <button type="button" class="quiet corner" aria-label={say('form.remove_specifications')} onClick={() => form.change({ specifications: {} })}>
          {say('form.remove')}
        </button>
      )}
      <div class="spec-lines">
        {lines.map(({ keys, value, fixed }) => {
          const id = specId(keys)
          const fault = form.faults.value.find(({ field }) => field === id)?.text
          return (
            <div key={id} class="spec">
              <label for={id}>{keys.map(label).join(say('spec.within'))}</label>
              <input
                id={id}
                value={value}
                readOnly={fixed}
                aria-invalid={fault !== undefined}
                aria-describedby={fault ? `${id}-fault` : undefined}
                onInput={(event) => put(keys, event.currentTarget.value)}
              />
              <button
                type="button"
                class="quiet"
                aria-label={say('spec.remove', { name: keys.map(label).join(say('spec.within')) })}
                onClick={() => form.change({ specifications: dropLine(specifications, keys) })}
              >
                <span aria-hidden="true">{say('spec.cross')}</span>
              </button>
              {fault && <span class="fault" id={`${id}-fault`}>{fault}</span>}
            </div>
          )
        })}
      </div>
      <div class="adding">
        <label for="specs">{say('spec.add_label')}</label>
        <input
          id="specs"
          list="spec-paths"
          value={wanted.value}
          onInput={(event) => (wanted.value = event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || event.ctrlKey || event.metaKey) return
            event.preventDefault()
            add()
          }}
        />
        <datalist id="spec-paths">
          {KNOWN_PATHS.map((path) => (
            <option key={path} value={path} label={path.split('.').map(label).join(say('spec.within'))} />
          ))}
        </datalist>
        <button type="button" onClick={add}>{say('spec.add')}</button>
      </div>
    </section>
  )
}
