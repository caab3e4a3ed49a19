/** Specifications as lines that can be edited: one for each value, however deep it stands. Pure. */

import { isList, isRecord, text } from './wire/json'
import type { Json, JsonObject } from './wire/json'

/** One value of the specifications. */
export interface Line {
  /** Its keys, outermost first. */
  readonly keys: readonly string[]
  readonly value: string
  /** Whether a line of text would lose something of it. */
  readonly fixed: boolean
}

/** What the checks read, to choose from. */
export const KNOWN_PATHS = [
  'element', 'concrete_class', 'exposure_classes', 'w_c_ratio', 'cement_type', 'cement_kg_m3', 'air_content_percent', 'cover_mm',
  'design_life_years', 'structural_class', 'construction', 'standards', 'safety_factor', 'ruleset', 'currency',
  'dimensions_m.length', 'dimensions_m.width', 'dimensions_m.height', 'dimensions_m.thickness',
  'groundwater.ph', 'groundwater.so4_mg_l', 'groundwater.co2_aggressive_mg_l', 'groundwater.nh4_mg_l', 'groundwater.mg_mg_l',
  'soil.so4_mg_kg', 'soil.acidity_ml_kg', 'loads.gamma_g', 'loads.gamma_q',
  'drawing_revision_referenced', 'drawing_revision_supplied',
] as const

/** All values, in their order. */
export function linesOf(specifications: JsonObject, above: readonly string[] = []): readonly Line[] {
  return Object.entries(specifications).flatMap(([key, value]) => {
    const keys = [...above, key]
    if (isRecord(value) && Object.keys(value).length > 0) return linesOf(value, keys)
    const fixed = isList(value) && value.some((one) => isRecord(one) || isList(one))
    return [{ keys, value: fixed ? JSON.stringify(value) : text(value), fixed }]
  })
}

/** The specifications with this value; a list stays a list, a plain number a number. */
export function setLine(specifications: JsonObject, keys: readonly string[], typed: string): JsonObject {
  return at(specifications, keys, (before) => {
    if (isList(before)) return typed.split(',').map((one) => one.trim()).filter(Boolean)
    const isNumber = /^-?(0|[1-9]\d*)(\.\d+)?$/.test(typed) && typeof before === 'number'
    return isNumber ? Number(typed) : typed
  })
}

/** The specifications without this value, and without what it leaves empty. */
export function dropLine(specifications: JsonObject, keys: readonly string[]): JsonObject {
  return at(specifications, keys, () => undefined)
}

function at(object: JsonObject, [key = '', ...deeper]: readonly string[], change: (before: Json | undefined) => Json | undefined): JsonObject {
  const before = object[key]
  const inner = isRecord(before) ? before : {}
  const after = deeper.length === 0 ? change(before) : at(inner, deeper, change)
  const gone = after === undefined || (deeper.length > 0 && isRecord(after) && Object.keys(after).length === 0)
  if (!gone) return { ...object, [key]: after }
  const { [key]: _, ...others } = object
  return others
}
