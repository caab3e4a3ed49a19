import type { Signal } from '@preact/signals'
import { isGrave } from '../flags'
import type { Checking } from '../checking'
import { goTo } from '../faults'
import type { Form } from '../form'
import { number } from '../format'
import { useSaid } from '../notice'
import { rank } from '../severity'
import type { Finding } from '../wire/event'
import { say } from '../words'
import { Severity } from './Severity'

const MOST_SHOWN = 100

/** What the checks without AI say, beside typing, and the list behind it. */
export function ChecksLine({ form, checking, shown }: { form: Form; checking: Checking; shown: Signal<boolean> }) {
  const state = checking.state.value
  const grave = state.is === 'done' ? state.found.findings.filter(isGrave) : []
  const sorted = [...grave].sort((a, b) => rank(b.severity) - rank(a.severity))
  const told = sentence(checking)
  useSaid(state.is === 'nothing' || state.is === 'checking' ? '' : told)
  return (
    <div class="checks-line">
      <p data-testid="checks-line" data-state={state.is}>
        <span class="muted">{say('check.title')}</span> <span>{told}</span>{' '}
        {grave.length > 0 && (
          <button type="button" class="quiet" aria-expanded={shown.value} aria-controls="check-list" onClick={() => (shown.value = !shown.value)}>
            {say(shown.value ? 'check.hide' : 'check.show')}
          </button>
        )}
        {state.is === 'refused' &&
          state.faults.slice(0, 1).map((fault) => (
            <button type="button" class="quiet" onClick={() => goTo(form, fault)}>
              {say('check.go')}
            </button>
          ))}
      </p>
      {shown.value && state.is === 'done' && grave.length > 0 && (
        <ul id="check-list" class="check-list" data-testid="check-list">
          {sorted.slice(0, MOST_SHOWN).map((finding) => (
            <Line key={`${finding.rule} ${finding.rows?.join()} ${finding.message}`} finding={finding} form={form} at={state.at} />
          ))}
          {grave.length > MOST_SHOWN && <li class="muted">{say('check.more', { n: number(grave.length - MOST_SHOWN) })}</li>}
        </ul>
      )}
    </div>
  )
}

function Line({ finding, form, at }: { finding: Finding; form: Form; at: readonly number[] }) {
  const rows = (finding.rows ?? []).flatMap((row) => at[row] ?? []).slice(0, 5)
  return (
    <li>
      <Severity value={finding.severity} />
      <span>
        {finding.message}
        {finding.source && <span class="aside muted">{finding.source}</span>}
      </span>
      <span class="of-rows">
        {rows.map((row) => (
          <button key={row} type="button" class="quiet" onClick={() => goTo(form, { field: 'bill', text: '', place: { row, key: 'item_name' } })}>
            {say('check.row', { row: number(row + 1) })}
          </button>
        ))}
      </span>
    </li>
  )
}

function sentence(checking: Checking): string {
  const state = checking.state.value
  switch (state.is) {
    case 'nothing':
      return say('check.nothing')
    case 'checking':
      return say('check.checking')
    case 'lost':
      return say('check.lost')
    case 'refused':
      return say('check.refused', { why: state.faults[0]?.text ?? state.detail })
    case 'done': {
      const grave = state.found.findings.filter(isGrave)
      const rows = new Set(grave.flatMap((finding) => finding.rows ?? [])).size
      const whole = grave.filter((finding) => (finding.rows ?? []).length === 0).length
      if (grave.length === 0) return say('check.none', { n: number(state.found.rows) })
      if (whole === 0) return say('check.rows', { n: number(rows) })
      return rows === 0 ? say('check.whole', { n: whole }) : say('check.both', { n: number(rows), whole })
    }
  }
}
