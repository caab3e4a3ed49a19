import { readFileSync, readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { en as first, learn, named, say } from '../src/words'
import { along } from '../src/words/along'
import type { Word } from '../src/words'
import { bill } from '../src/words/bill'
import { compare } from '../src/words/compare'
import { events } from '../src/words/events'
import { help } from '../src/words/help'
import { history } from '../src/words/history'
import { members } from '../src/words/members'
import { out } from '../src/words/out'
import { providers } from '../src/words/providers'

learn(along)
const en = { ...first, ...along }
const all = { ...en, ...bill, ...compare, ...out, ...events, ...help, ...history, ...members, ...providers }
const root = new URL('../', import.meta.url)
const sources = readdirSync(new URL('src/', root), { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.tsx?$/.test(name))
  .map((name) => ({ name, text: readFileSync(new URL(`src/${name}`, root), 'utf8') }))
const html = readFileSync(new URL('index.html', root), 'utf8')
const used = sources.filter(({ name }) => !name.startsWith('words')).map(({ text }) => text).join('\n') + html
const byGroup = /^(code|state|compliance|check|severity|field|kind|role|decision)\./

describe('the catalogue', () => {
  it('has no unused key', () => {
    const unused = Object.keys(all).filter((key) => !byGroup.test(key) && !used.includes(`'${key}'`) && !html.includes(`{{${key}}}`))
    expect(unused).toEqual([])
  })

  it('has every key that the first HTML asks for', () => {
    const asked = [...html.matchAll(/\{\{([\w.]+)\}\}/g)].map((match) => match[1] ?? '')
    expect(asked.filter((key) => !(key in en))).toEqual([])
  })

  it('has a sentence for every failure code of the contract', () => {
    const codes = 'timeout connect_failed tls_failed rate_limited overloaded provider_error credentials_refused no_credit model_not_found request_refused context_too_long content_refused cut_mid_answer unreadable_answer empty_answer invalid_output answer_too_large breaker_open dependency_failed cost_limit cancelled run_timeout overloaded_here interrupted poison_run store_lost stale condition_false'
    expect(codes.split(' ').filter((code) => named('code', code, '') === '')).toEqual([])
  })

  it('has two plural forms or one', () => {
    const words: readonly string[] = Object.values(all)
    expect(words.filter((sentence) => sentence.split('|').length > 2)).toEqual([])
  })

  it('chooses the plural and fills every place', () => {
    expect(say('row.tokens', { n: 1 })).toBe('1 token')
    expect(say('row.tokens', { n: '1\u202f200' })).toBe('1\u202f200 tokens')
    const key: Word = 'row.backoff'
    expect(say(key, { time: '2.1 s', n: 2, why: 'rate limited' })).toBe('Waiting 2.1 s before attempt 2: rate limited')
  })
})

describe('the sources', () => {
  it('have no any, no forced value, no raw HTML and no words outside the catalogue', () => {
    for (const { name, text } of sources) {
      expect(text, name).not.toMatch(/innerHTML|insertAdjacentHTML|dangerouslySet|: any\b|as any\b|<any>/)
      expect(text, name).not.toMatch(/[\w)\]]!(\.|\[|\)|;|,|$)/m)
      if (!name.endsWith('.tsx')) continue
      expect(text.match(/\b(aria-label|title|placeholder|alt|label)="[^"]*[A-Za-z]{2}[^"]*"/g) ?? [], name).toEqual([])
      // A line of an element's text: words and punctuation alone.
      expect(text.match(/^ +[A-Z][a-z']*( [A-Za-z',.:;-]+)+$/gm) ?? [], name).toEqual([])
      expect(text.match(/>[^<>{}=&|?:()\n]*[A-Za-z]{3,}[^<>{}=&|?:()\n]*<\//g) ?? [], name).toEqual([])
    }
  })
})
