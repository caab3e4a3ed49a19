/** How grave something is, in the words of checks and models. */

import { text } from './wire/json'
import type { Json } from './wire/json'

/** The severities, worst last; a word's place is its rank. */
export const SEVERITIES = ['info', 'low', 'medium', 'high', 'critical'] as const

/** How severe, from 0 (info) to 4 (critical). */
export function rank(severity: Json | undefined): number {
  const word = text(severity).toLowerCase()
  return Math.max(0, SEVERITIES.findIndex((one) => one === word))
}
