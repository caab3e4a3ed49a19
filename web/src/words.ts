/**
 * Every word of the page, in one place. Keys are used as literals, so a test
 * finds missing and unused ones. `a|b` are the language's plural forms, chosen
 * by `n`; `{name}` is filled in. No sentence is built from fragments.
 */

import type { along } from './words/along.ts'
import type { bill } from './words/bill.ts'
import { code } from './words/code.ts'
import { form } from './words/form.ts'
import { frame } from './words/frame.ts'
import { report } from './words/report.ts'
import { run } from './words/run.ts'
import type { compare } from './words/compare.ts'
import type { events } from './words/events.ts'
import type { help } from './words/help.ts'
import type { history } from './words/history.ts'
import type { members } from './words/members.ts'
import type { out } from './words/out.ts'
import type { providers } from './words/providers.ts'

export const en = { ...frame, ...form, ...run, ...report, ...code } as const

/** A key of the catalogue, or of a part that is loaded later. */
export type Word = keyof typeof en | keyof typeof along | keyof typeof bill | keyof typeof compare | keyof typeof events | keyof typeof help | keyof typeof history | keyof typeof members | keyof typeof out | keyof typeof providers

/** What is put in for `{name}`; `n` also chooses the plural form. */
export type Parts = Readonly<Record<string, string | number>>

const LANGUAGE = 'en'
const FORMS: readonly Intl.LDMLPluralRule[] = ['one', 'other']
const plural = new Intl.PluralRules(LANGUAGE)
const catalogue: Record<string, string> = { ...en }

/** The words for `word`, filled in. */
export function say(word: Word, parts: Parts = {}): string {
  return fill(catalogue[word] ?? word, parts)
}

/** Takes in the words of a page that is loaded later; its module calls this before it says anything. */
export function learn(words: Readonly<Record<string, string>>): void {
  Object.assign(catalogue, words)
}

/** The words for a code that comes from the server, or `otherwise` when it is a new one. */
export function named(group: 'code' | 'state' | 'compliance' | 'check' | 'severity' | 'field' | 'kind' | 'role' | 'decision', code: string, otherwise: string): string {
  return catalogue[`${group}.${code}`] ?? otherwise
}

function fill(words: string, parts: Parts): string {
  const forms = words.split('|')
  const chosen = forms[FORMS.indexOf(plural.select(Number(parts.n)))] ?? forms[forms.length - 1] ?? words
  return chosen.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const part = parts[name]
    return part === undefined ? whole : String(part)
  })
}
