/** What of an answer is complete, section by section: while it comes, when it is done, and when it was cut. */

import type { QueryView } from './run'
import { whole } from './text'
import { isRecord, parse } from './wire/json'
import type { Json } from './wire/json'

/** One top-level key of an answer with its value. */
export type Section = readonly [name: string, value: Json]

/** The complete sections of a JSON answer; nothing where the answer is text. */
export function sectionsOf(query: QueryView): readonly Section[] | undefined {
  const kept = query.result ?? query.partial
  if (isRecord(kept)) return Object.entries(kept).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]))
  const { form, parts } = query.reading
  if (form !== 'json') return undefined
  const text = whole(query.text)
  return parts.flatMap(({ name, from, to }) => {
    const value = parse(text.slice(from, to))
    return value === undefined ? [] : [[name, value] as const]
  })
}

/** What a query answered, as text: what came, or what the server kept of it. */
export function rawOf(query: QueryView): string {
  if (query.text.chars > 0) return whole(query.text)
  const kept = query.result ?? query.partial
  if (kept === undefined) return ''
  return typeof kept === 'string' ? kept : JSON.stringify(kept, null, 2)
}
