/** What is wrong with what stands in the form: as the page sees it, and as the server says it. */

import type { Choices, Draft } from './draft'
import { questionFault } from './form'
import type { Fault, Form } from './form'
import { number } from './format'
import { MOST_ROWS, cellText, isBlankRow } from './rows'
import type { Problem } from './wire/problem'
import { say } from './words'

/** What the page itself can see to be wrong. */
export function faultsOf(draft: Draft): readonly Fault[] {
  const question = questionFault(draft.question)
  return [...(question === '' ? [] : [{ field: 'question', text: question }]), ...rowFaults(draft), ...choiceFaults(draft.choices)]
}

function rowFaults({ rows }: Draft): readonly Fault[] {
  if (rows.length > MOST_ROWS) return [{ field: 'bill', text: say('bill.too_many', { n: number(rows.length), limit: number(MOST_ROWS) }) }]
  return rows.flatMap((row, index) =>
    isBlankRow(row) || cellText(row, 'item_name').trim() !== ''
      ? []
      : [{ field: 'bill', text: say('bill.nameless', { row: index + 1 }), place: { row: index, key: 'item_name' } }],
  )
}

function choiceFaults({ querySeconds, runSeconds, maxCost }: Choices): readonly Fault[] {
  const isTime = (typed: string) => typed.trim() === '' || Number(typed.replace(',', '.')) > 0
  return [
    ...(isTime(querySeconds) ? [] : [{ field: 'option-query', text: say('option.bad_query') }]),
    ...(isTime(runSeconds) ? [] : [{ field: 'option-run', text: say('option.bad_run') }]),
    ...(/^\s*(\d+(\.\d+)? [A-Z]{3})?\s*$/.test(maxCost) ? [] : [{ field: 'option-cost', text: say('option.bad_cost') }]),
  ]
}

const OPTIONS: Readonly<Record<string, string>> = {
  '/options/model': 'option-model',
  '/options/query_timeout_ms': 'option-query',
  '/options/run_timeout_ms': 'option-run',
  '/options/max_cost': 'option-cost',
  '/input/language': 'option-language',
  '/input/mode': 'mode',
  '/language': 'option-language',
  '/question': 'question',
  '/panel': 'panel',
}

/** What the server refused, at the fields it means; `at` says where the rows that were sent stand in the table. */
export function faultsOfProblem(problem: Problem, at: readonly number[]): readonly Fault[] {
  return problem.errors.map(({ pointer, detail }) => {
    const parts = pointer.replace(/^\/input/, '').split('/').slice(1).map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    const [list, index, key] = parts
    if (list === 'positions') {
      const row = at[Number(index)]
      if (row === undefined) return { field: 'bill', text: detail }
      return { field: 'bill', text: say('bill.row_fault', { row: row + 1, text: detail }), place: { row, key: key === undefined || key === 'description' ? 'item_name' : key } }
    }
    if (list === 'specifications') return { field: specId(parts.slice(1)), text: detail }
    return { field: OPTIONS[pointer] ?? '', text: OPTIONS[pointer] === undefined && pointer !== '' ? `${pointer}: ${detail}` : detail }
  })
}

/** The id of a specification's field. */
export function specId(keys: readonly string[]): string {
  return keys.length === 0 ? 'specs' : `spec-${keys.join('.')}`
}

/** Leads to a field, and opens what it is folded into. */
export function goTo(form: Form, fault: Fault): void {
  if (fault.field === 'bill') {
    form.goal.value = fault.place ?? { row: 0, key: 'item_name' }
    return
  }
  const field = document.getElementById(fault.field) ?? document.getElementById('specs')
  field?.closest('details')?.setAttribute('open', '')
  field?.focus()
}
