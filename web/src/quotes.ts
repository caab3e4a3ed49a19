/** Quotations of the models, as the report says whether anybody wrote them. Pure. */

import { count, isRecord, list, text } from './wire/json'
import type { JsonObject } from './wire/json'

/** A quotation of a model, looked up in what was asked. */
export interface Quote {
  readonly query: string
  /** The part of the answer that quotes. */
  readonly section: string
  readonly quote: string
  readonly found: boolean
  readonly where: string
  /** The row of the bill, from 0. */
  readonly row?: number
}

/** The quotations of the models' answers, each of a section once. */
export function quotes(body: JsonObject): readonly Quote[] {
  const seen = new Set<string>()
  return list(body.evidence).filter(isRecord).flatMap((one) => {
    const section = text(one.path).split('/')[1] ?? ''
    const key = `${text(one.query)} ${section} ${text(one.quote)}`
    if (seen.has(key)) return []
    seen.add(key)
    return { query: text(one.query), section, quote: text(one.quote), found: one.found === true, where: text(one.where), row: count(one.row) }
  })
}
