/** The form while it is open: what stands in it, what is wrong with it, and where a reader is led. */

import { signal } from '@preact/signals'
import type { Signal } from '@preact/signals'
import type { ModeChoice, PanelChoice } from './asking'
import { EMPTY } from './draft'
import type { Draft } from './draft'
import { number } from './format'
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
  /** All fields of its input; absent when it takes any. */
  readonly fields?: readonly string[]
}

/** The form while it is open. */
export interface Form {
  readonly draft: Signal<Draft>
  readonly faults: Signal<readonly Fault[]>
  /** Why the server refused, the last time. */
  readonly problem: Signal<Problem | undefined>
  /** How often something was refused; each time the summary takes the focus. */
  readonly tries: Signal<number>
  readonly busy: Signal<boolean>
  readonly panels: Signal<readonly PanelChoice[]>
  readonly takes: Signal<Takes>
  /** The cell that the table is to show and focus. */
  readonly goal: Signal<Place | undefined>
  readonly change: (part: Partial<Draft>) => void
}

/** An empty form. */
export function openForm(): Form {
  const draft = signal<Draft>(EMPTY)
  return {
    draft,
    faults: signal<readonly Fault[]>([]),
    problem: signal<Problem | undefined>(undefined),
    tries: signal(0),
    busy: signal(false),
    panels: signal<readonly PanelChoice[]>([]),
    takes: signal<Takes>({ positions: true, specifications: true, language: true, checks: true }),
    goal: signal<Place | undefined>(undefined),
    change: (part) => {
      draft.value = { ...draft.value, ...part }
    },
  }
}

/** The panel that is asked, once the panels are known. */
export function chosenPanel(form: Form): PanelChoice | undefined {
  const { panel } = form.draft.value
  return form.panels.value.find(({ name, isDefault }) => (panel === '' ? isDefault : name === panel))
}

/** The mode that the draft names, or that holds by itself. */
export function chosenMode(form: Form): ModeChoice | undefined {
  const modes = chosenPanel(form)?.modes ?? []
  return modes.find(({ name }) => name === form.draft.value.choices.mode) ?? modes[0]
}

/** Whether it is an audit that is asked for; until the panels are known it most often is. */
export function isAudit(form: Form): boolean {
  return chosenPanel(form)?.checks ?? true
}

/** What of a draft the chosen panel takes: the rest stays in the form and is not sent. */
export function takenOf(draft: Draft, { positions, specifications, language, fields }: Takes): Draft {
  return {
    ...draft,
    rows: positions ? draft.rows : [],
    specifications: specifications ? draft.specifications : {},
    choices: language ? draft.choices : { ...draft.choices, language: '' },
    rest: fields ? Object.fromEntries(Object.entries(draft.rest).filter(([name]) => fields.includes(name))) : draft.rest,
  }
}

/** What is wrong with a description. */
export function questionFault(question: string): string {
  const length = [...question].length
  if (question.trim() === '') return say('form.empty')
  return length > LONGEST ? say('form.too_long', { n: number(length), limit: number(LONGEST) }) : ''
}
