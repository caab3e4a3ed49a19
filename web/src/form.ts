/** The form while it is open: what stands in it, what is wrong with it, and where a reader is led. */

import { signal } from '@preact/signals'
import type { Signal } from '@preact/signals'
import { EMPTY } from './draft'
import type { Choices, Draft } from './draft'
import { number } from './format'
import { MOST_ROWS, cellText, isBlankRow } from './rows'
import type { Place } from './rows'
import type { Problem } from './wire/problem'
import { say } from './words'

/** Longest description, in characters. */
export const LONGEST = 20_000

/** Something that is wrong, at a field or in a cell of the table. */
export interface Fault {
  /** The id of the field; `bill` for the table. */
  readonly field: string
  readonly text: string
  readonly place?: Place
}

/** What the chosen panel takes besides the question. */
export interface Takes {
  readonly positions: boolean
  readonly specifications: boolean
  readonly language: boolean
  readonly checks: boolean
}

/** The form while it is open. */
export interface Form {
  readonly draft: Signal<Draft>
  readonly faults: Signal<readonly Fault[]>
  readonly takes: Signal<Takes>
  /** The cell that the table is to show and focus. */
  readonly goal: Signal<Place | undefined>
  readonly change: (part: Partial<Draft>) => void
}

/** An empty form, whose faults go away as soon as they are mended. */
export function openForm(): Form {
  const draft = signal<Draft>(EMPTY)
  const faults = signal<readonly Fault[]>([])
  const change = (part: Partial<Draft>) => {
    draft.value = { ...draft.value, ...part }
    if (faults.value.length === 0) return
    const left = new Set(faultsOf(draft.value).map(({ field, text }) => field + text))
    faults.value = faults.value.filter(({ field, text }) => left.has(field + text))
  }
  const takes = signal<Takes>({ positions: true, specifications: true, language: true, checks: true })
  return { draft, faults, takes, goal: signal<Place | undefined>(undefined), change }
}

/** What the page itself can see to be wrong. */
export function faultsOf(draft: Draft): readonly Fault[] {
  const question = questionFault(draft.question)
  return [...(question === '' ? [] : [{ field: 'question', text: question }]), ...rowFaults(draft), ...choiceFaults(draft.choices)]
}

/** What is wrong with a description. */
export function questionFault(question: string): string {
  const length = [...question].length
  if (question.trim() === '') return say('form.empty')
  return length > LONGEST ? say('form.too_long', { n: number(length), limit: number(LONGEST) }) : ''
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
    ...(isTime(querySeconds) ? [] : [{ field: 'option-query', text: say('option.bad_time') }]),
    ...(isTime(runSeconds) ? [] : [{ field: 'option-run', text: say('option.bad_time') }]),
    ...(/^\s*(\d+(\.\d+)? [A-Z]{3})?\s*$/.test(maxCost) ? [] : [{ field: 'option-cost', text: say('option.bad_cost') }]),
  ]
}

const OPTIONS: Readonly<Record<string, string>> = {
  '/options/model': 'option-model',
  '/options/query_timeout_ms': 'option-query',
  '/options/run_timeout_ms': 'option-run',
  '/options/max_cost': 'option-cost',
  '/input/language': 'option-language',
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
