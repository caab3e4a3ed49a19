import { useEffect, useRef } from 'preact/hooks'
import { goTo } from '../faults'
import type { Fault, Form } from '../form'
import { say } from '../words'

const MOST_SHOWN = 20

/** Why nothing was started; takes the focus, and each line leads to its field. */
export function ErrorSummary({ form }: { form: Form }) {
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => box.current?.focus(), [form.tries.value])
  const faults = form.faults.value
  const problem = form.problem.value
  if (faults.length === 0 && problem === undefined) return null
  return (
    <div class="error-summary" data-testid="error-summary" tabIndex={-1} ref={box} aria-labelledby="errors-title">
      <h2 id="errors-title">{say('form.errors')}</h2>
      {problem && faults.length === 0 && <p>{problem.detail}</p>}
      <ul>
        {faults.slice(0, MOST_SHOWN).map((fault) => (
          <Line key={fault.field + fault.text} form={form} fault={fault} />
        ))}
        {faults.length > MOST_SHOWN && <li class="muted">{say('form.more_errors', { n: faults.length - MOST_SHOWN })}</li>}
      </ul>
      {problem?.hint && <p class="muted">{problem.hint}</p>}
    </div>
  )
}

function Line({ form, fault }: { form: Form; fault: Fault }) {
  if (fault.field === '') return <li>{fault.text}</li>
  return (
    <li>
      <a
        href={`#${fault.field}`}
        onClick={(event) => {
          event.preventDefault()
          goTo(form, fault)
        }}
      >
        {fault.text}
      </a>
    </li>
  )
}
