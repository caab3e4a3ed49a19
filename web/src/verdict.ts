/** The words for a verdict, and the shape and tone that go with them. */

import type { Shape } from './views/Mark'
import { say } from './words'
import type { Word } from './words'

/** How a verdict is shown. */
export interface Face {
  readonly word: Word
  readonly shape: Shape
  readonly tone: string
}

const WORDS: ReadonlyMap<string, Face> = new Map<string, Face>([
  ['critical', { word: 'report.verdict_critical', shape: 'cross', tone: 'bad' }],
  ['not_compliant', { word: 'report.verdict_not_compliant', shape: 'cross', tone: 'bad' }],
  ['non_compliant', { word: 'report.verdict_not_compliant', shape: 'cross', tone: 'bad' }],
  ['unknown', { word: 'report.verdict_unknown', shape: 'query', tone: 'unsure' }],
  ['attention', { word: 'report.verdict_attention', shape: 'alert', tone: 'unsure' }],
  ['ok', { word: 'report.verdict_ok', shape: 'tick', tone: 'good' }],
])

/** How a verdict is shown; nothing for a word of its own, which is shown as it is. */
export function faceOf(verdict: string): Face | undefined {
  return WORDS.get(verdict.toLowerCase().replaceAll(/[\s-]+/g, '_'))
}

/** The verdict as people read it. */
export function verdictWord(verdict: string): string {
  const face = faceOf(verdict)
  return face ? say(face.word) : verdict
}
