/** The form's content, kept in this browser so that no failure takes it away. */

import { isRecord, list, parse, record, text } from './wire/json'
import type { AuditInput } from './wire/snapshot'

/** What stands in the form. */
export interface Draft {
  readonly question: string
  readonly input: AuditInput
  /** The title of the example that the input came from. */
  readonly sample: string
}

const KEY = 'askstream.draft'

/** An empty form. */
export const EMPTY: Draft = { question: '', input: {}, sample: '' }

/** The kept draft, if there is one worth keeping. */
export function loadDraft(): Draft | undefined {
  const kept = parse(read())
  if (!isRecord(kept)) return undefined
  const input = record(kept.input)
  const positions = list(input.positions).filter(isRecord)
  const specifications = record(input.specifications)
  const draft = {
    question: text(kept.question),
    sample: text(kept.sample),
    input: {
      ...(positions.length > 0 ? { positions } : {}),
      ...(Object.keys(specifications).length > 0 ? { specifications } : {}),
    },
  }
  return draft.question === '' && positions.length === 0 ? undefined : draft
}

/** Keeps the draft; a full or forbidden storage is no reason to stop typing. */
export function saveDraft(draft: Draft): void {
  try {
    if (draft.question === '' && !draft.input.positions) localStorage.removeItem(KEY)
    else localStorage.setItem(KEY, JSON.stringify(draft))
  } catch {
    // Private windows may refuse; the text is still in the form.
  }
}

function read(): string {
  try {
    return localStorage.getItem(KEY) ?? ''
  } catch {
    return ''
  }
}
