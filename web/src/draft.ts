/**
 * What stands in the form, kept in this browser so that no failure takes it away.
 *
 * Each tab has a draft of its own: it holds a lock of the draft's name while it
 * lives, so that two tabs never write to one draft, and a draft that nobody
 * holds is the one that a closed tab left behind.
 */

import { isRecord, list, parse, record, text } from './wire/json'
import type { JsonObject } from './wire/json'
import type { AuditInput } from './wire/snapshot'

/** How the run is to be made, as typed; what is empty is left to the server. */
export interface Choices {
  readonly model: string
  readonly language: string
  readonly querySeconds: string
  readonly runSeconds: string
  readonly maxCost: string
  /** In which mode the panel is asked. */
  readonly mode: string
}

/** What stands in the form. */
export interface Draft {
  /** Empty for the server's default. */
  readonly panel: string
  readonly question: string
  /** Rows of the bill; cells stay as they were typed. */
  readonly rows: readonly JsonObject[]
  readonly specifications: JsonObject
  /** What else the input of a copied run had. */
  readonly rest: JsonObject
  readonly choices: Choices
  /** The title of the example that the input came from. */
  readonly sample: string
}

/** A draft with the place where it is kept. */
export interface Opened {
  readonly id: string
  readonly draft: Draft
  /** Whether it was found, and not made. */
  readonly restored: boolean
}

const CHOICES: Choices = { model: '', language: '', querySeconds: '', runSeconds: '', maxCost: '', mode: '' }

/** An empty form. */
export const EMPTY: Draft = { panel: '', question: '', rows: [], specifications: {}, rest: {}, choices: CHOICES, sample: '' }

const PREFIX = 'askstream.draft.'
const TAB = 'askstream.tab'
const MOST = 12
const RELEASE_MS = 400

/** Drafts that this document holds. */
const held = new Set<string>()
/** What another part of the page wants to see in the form. */
let handed: Draft | undefined

/** The draft of an input: an example's, or a run's. */
export function draftOf(question: string, input: AuditInput & JsonObject, sample = '', panel = ''): Draft {
  const { positions, specifications, language, mode, ...rest } = input
  const choices = { ...CHOICES, language: text(language), mode: text(mode) }
  return { ...EMPTY, panel, question, rows: list(positions).filter(isRecord), specifications: record(specifications), rest, choices, sample }
}

/** Whether nothing was entered. */
export function isBlank(draft: Draft): boolean {
  return draft.question === '' && draft.rows.length === 0 && Object.keys(draft.specifications).length === 0 && Object.keys(draft.rest).length === 0
}

/** Has the form open with this the next time, as a new draft. */
export function saveDraft(from: { readonly question: string; readonly input: AuditInput; readonly sample: string }): void {
  handed = draftOf(from.question, from.input as AuditInput & JsonObject, from.sample)
}

/** The draft of this tab, else the newest that a closed tab left, else a new one. */
export async function openDraft(): Promise<Opened> {
  if (handed) {
    const draft = handed
    handed = undefined
    return newDraft(draft)
  }
  const own = session(TAB)
  const kept = own === '' ? undefined : readDraft(own)
  // The document before a reload gives its lock back a moment later than we ask.
  if (kept && own !== '') return (await hold(own, RELEASE_MS)) ? { id: own, draft: kept.draft, restored: true } : { ...newDraft(kept.draft), restored: true }
  for (const { id, draft, sent } of all()) {
    if (!sent && (await hold(id, 0))) {
      remember(id)
      return { id, draft, restored: true }
    }
  }
  return newDraft(EMPTY)
}

/** Begins another draft in this tab; the one before stays where it is. */
export function newDraft(draft: Draft): Opened {
  const id = `${Date.now().toString(36)}${random()}`
  void hold(id, RELEASE_MS)
  remember(id)
  return { id, draft, restored: false }
}

/** Keeps a draft; tells whether this browser could. */
export function keepDraft(id: string, draft: Draft, sent = false): boolean {
  const key = PREFIX + id
  try {
    if (isBlank(draft)) localStorage.removeItem(key)
    else write(key, JSON.stringify({ at: Date.now(), sent, draft }))
    return true
  } catch {
    // Private windows may refuse, and a full storage does; the text is still in the form.
    return isBlank(draft)
  }
}

/** Sixteen random letters and digits, wherever the page came from. */
export function random(): string {
  return [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Reads a kept draft, whatever an older page wrote. */
export function parseDraft(raw: string): { readonly at: number; readonly sent: boolean; readonly draft: Draft } | undefined {
  const kept = record(parse(raw))
  if (!isRecord(kept.draft)) return undefined
  const from = kept.draft
  const choices = Object.fromEntries(Object.keys(CHOICES).map((key) => [key, text(record(from.choices)[key])]))
  const draft: Draft = {
    panel: text(from.panel),
    question: text(from.question),
    rows: list(from.rows).filter(isRecord),
    specifications: record(from.specifications),
    rest: record(from.rest),
    choices: { ...CHOICES, ...choices },
    sample: text(from.sample),
  }
  return isBlank(draft) ? undefined : { at: Number(kept.at) || 0, sent: kept.sent === true, draft }
}

/** Makes room by dropping the oldest drafts that no tab has open, as far as that is known. */
function write(key: string, value: string): void {
  const others = () => all().filter(({ id }) => !held.has(id) && PREFIX + id !== key)
  for (const { id } of others().slice(MOST - 1)) localStorage.removeItem(PREFIX + id)
  for (;;) {
    try {
      localStorage.setItem(key, value)
      return
    } catch (full) {
      // Only what has been sent already is given up for it.
      const oldest = others().filter(({ sent }) => sent).at(-1)
      if (oldest === undefined) throw full
      localStorage.removeItem(PREFIX + oldest.id)
    }
  }
}

/** All kept drafts, newest first. */
function all(): readonly { readonly id: string; readonly at: number; readonly sent: boolean; readonly draft: Draft }[] {
  try {
    const ids = Object.keys(localStorage).filter((key) => key.startsWith(PREFIX)).map((key) => key.slice(PREFIX.length))
    return ids
      .flatMap((id) => {
        const kept = readDraft(id)
        return kept ? [{ id, ...kept }] : []
      })
      .sort((a, b) => b.at - a.at)
  } catch {
    return []
  }
}

function readDraft(id: string): ReturnType<typeof parseDraft> {
  try {
    return parseDraft(localStorage.getItem(PREFIX + id) ?? '')
  } catch {
    return undefined
  }
}

/**
 * Whether this document has the draft to itself; waits at most `ms` for another
 * to leave. Where the browser knows no locks, a draft belongs to the tab that made it.
 */
function hold(id: string, ms: number): Promise<boolean> {
  if (held.has(id)) return Promise.resolve(true)
  const locks: LockManager | undefined = navigator.locks
  if (locks === undefined) return Promise.resolve(ms > 0)
  return new Promise((resolve) => {
    const granted = (lock: Lock | null) => {
      resolve(lock !== null)
      if (lock === null) return undefined
      held.add(id)
      // Until the document is gone.
      return new Promise<never>(() => undefined)
    }
    const options: LockOptions = ms > 0 ? { signal: AbortSignal.timeout(ms) } : { ifAvailable: true }
    locks.request(PREFIX + id, options, granted).catch(() => resolve(false))
  })
}

function remember(id: string): void {
  try {
    sessionStorage.setItem(TAB, id)
  } catch {
    // Then a reload looks among the drafts that nobody holds.
  }
}

function session(key: string): string {
  try {
    return sessionStorage.getItem(key) ?? ''
  } catch {
    return ''
  }
}
