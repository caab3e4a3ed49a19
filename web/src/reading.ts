/**
 * Reads an answer while it comes: which sections of a JSON object are complete, and what the
 * one that is being written says, in words instead of braces. Each delta is looked at once.
 *
 * It judges nothing: whether the answer is valid JSON, the server says in the end.
 */

/** A section that is complete: its name, and where its value stands in the text. */
export interface Part {
  readonly name: string
  readonly from: number
  readonly to: number
}

export interface Reading {
  /** What the text seems to be; `fence` is the first line of a code fence. */
  readonly form: 'unknown' | 'fence' | 'text' | 'json'
  readonly parts: readonly Part[]
  /** The name of the section that is being written. */
  readonly section: string
  /** The end of what it says so far. */
  readonly says: string
  /** UTF-16 units read. */
  readonly at: number
  /** Where the value of the section begins. */
  readonly from: number
  /** What is open, such as `{[{`. */
  readonly open: string
  readonly inside: 'nothing' | 'key' | 'string' | 'bare'
  readonly keyNext: boolean
  readonly key: string
  /** The beginning of an escape that the text was cut in. */
  readonly escape: string
}

/** Before the first character. */
export const UNREAD: Reading = {
  form: 'unknown', parts: [], section: '', says: '', at: 0, from: 0, open: '', inside: 'nothing', keyNext: true, key: '', escape: '',
}

type Draft = { -readonly [K in keyof Reading]: Reading[K] }

const TAIL = 240
const SPACE = /\s/
const ENDS_BARE = /[\s,\]}]/

/** What is known after `added` has come as well. */
export function read(reading: Reading, added: string): Reading {
  if (reading.form === 'text') return reading
  const draft: Draft = { ...reading }
  const start = reading.at
  while (draft.at - start < added.length) {
    const at = draft.at - start
    // The inside of a string is taken in one go up to its end or its next escape.
    if (draft.inside === 'string' && draft.escape === '') take(draft, run(added, at))
    if (draft.at - start < added.length) step(draft, added.charAt(draft.at - start))
    draft.at += 1
  }
  draft.at = start + added.length
  draft.says = draft.says.slice(-TAIL)
  return draft
}

function run(text: string, from: number): string {
  let to = from
  while (to < text.length && text.charAt(to) !== '"' && text.charAt(to) !== '\\') to += 1
  return text.slice(from, to)
}

function take(draft: Draft, words: string): void {
  draft.says += words
  draft.at += words.length
}

function step(draft: Draft, char: string): void {
  if (draft.form === 'unknown') begin(draft, char)
  else if (draft.form === 'fence') draft.form = char === '\n' ? 'unknown' : 'fence'
  else if (draft.form === 'json' && draft.open !== '') within(draft, char)
}

function begin(draft: Draft, char: string): void {
  if (SPACE.test(char)) return
  if (char === '`') draft.form = 'fence'
  else if (char !== '{') draft.form = 'text'
  else [draft.form, draft.open] = ['json', '{']
}

function within(draft: Draft, char: string): void {
  if (draft.inside === 'key' || draft.inside === 'string') return quoted(draft, char)
  if (draft.inside === 'bare') {
    if (!ENDS_BARE.test(char)) {
      draft.says += char
      return
    }
    draft.inside = 'nothing'
    if (draft.says.endsWith('null')) draft.says = `${draft.says.slice(0, -4)}-`
    complete(draft, draft.at)
  }
  between(draft, char)
}

function quoted(draft: Draft, char: string): void {
  if (draft.escape !== '') {
    draft.escape += char
    const said = unescaped(draft.escape)
    if (said === undefined) return
    draft.escape = ''
    speak(draft, said)
  } else if (char === '\\') draft.escape = char
  else if (char !== '"') speak(draft, char)
  else if (draft.inside === 'key') {
    draft.inside = 'nothing'
    if (draft.open.length > 1) draft.says += `${draft.key.replaceAll('_', ' ')}: `
  } else {
    draft.inside = 'nothing'
    complete(draft, draft.at + 1)
  }
}

function speak(draft: Draft, said: string): void {
  if (draft.inside === 'key') draft.key += said
  else draft.says += said
}

/** What a whole escape stands for; nothing while it is incomplete. */
function unescaped(escape: string): string | undefined {
  const kind = escape.charAt(1)
  if (kind !== 'u') return 'nrtbf'.includes(kind) ? ' ' : kind
  return escape.length < 6 ? undefined : String.fromCharCode(Number.parseInt(escape.slice(2), 16) || 0xfffd)
}

function between(draft: Draft, char: string): void {
  if (SPACE.test(char)) return
  if (char === '"') {
    draft.inside = draft.keyNext ? 'key' : 'string'
    if (draft.keyNext) draft.key = ''
  } else if (char === '{' || char === '[') {
    draft.open += char
    draft.keyNext = char === '{'
  } else if (char === '}' || char === ']') {
    draft.open = draft.open.slice(0, -1)
    draft.keyNext = false
    complete(draft, draft.at + 1)
  } else if (char === ':') {
    draft.keyNext = false
    if (draft.open.length === 1) [draft.section, draft.from, draft.says] = [draft.key, draft.at + 1, '']
  } else if (char === ',') {
    const inObject = draft.open.endsWith('{')
    draft.keyNext = inObject
    if (draft.open.length > 1) draft.says += inObject ? '; ' : ', '
  } else {
    draft.inside = 'bare'
    draft.says += char
  }
}

/** Closes the section when what has just ended was its value. */
function complete(draft: Draft, to: number): void {
  if (draft.open.length !== 1 || draft.section === '') return
  draft.parts = [...draft.parts, { name: draft.section, from: draft.from, to }]
  draft.section = ''
  draft.says = ''
}
