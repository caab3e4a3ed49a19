/**
 * JSON as values of unknown shape: what models answer is read through these
 * functions only, so that a surprising answer shows less and never breaks the page.
 */

export type Json = null | boolean | number | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json | undefined
}

/** The value as an object, or an empty one. */
export function record(value: Json | undefined): JsonObject {
  return isRecord(value) ? value : {}
}

/** Whether the value is an object. */
export function isRecord(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value as a list; a single value counts as a list of one, nothing as none. */
export function list(value: Json | undefined): readonly Json[] {
  if (value === undefined || value === null) return []
  return isList(value) ? value : [value]
}

/** Whether the value is a list. */
export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value)
}

/** The value as one line of text; an absent one is empty. */
export function text(value: Json | undefined): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (isList(value)) return value.map(text).filter(Boolean).join(', ')
  return Object.entries(record(value)).map(([key, part]) => `${key} ${text(part)}`).join(', ')
}

/** The value as a number, if it is one. */
export function count(value: Json | undefined): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

/** Whether there is anything to show in the value. */
export function isEmpty(value: Json | undefined): boolean {
  if (value === undefined || value === null || value === '') return true
  if (isList(value)) return value.every(isEmpty)
  return isRecord(value) && Object.values(value).every(isEmpty)
}

/** The parsed text, or nothing when it is not JSON. */
export function parse(raw: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(raw)
    return value as Json
  } catch {
    return undefined
  }
}
