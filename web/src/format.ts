/** Numbers, times, costs and field names as people read them. */

import type { Cost, Failure } from './wire/event'
import type { QueryView } from './run'
import { named, say } from './words'

const THIN = '\u202f'

/** A number with grouped thousands; at most three decimals, or exactly `decimals`. */
export function number(value: number, decimals?: number): string {
  const digits = decimals === undefined ? { maximumFractionDigits: 3 } : { minimumFractionDigits: decimals, maximumFractionDigits: decimals }
  return value.toLocaleString('en', digits).replaceAll(',', THIN)
}

/** The decimals a column needs so that all its numbers align; at most three. */
export function decimals(values: readonly (number | undefined)[]): number {
  return Math.max(0, ...values.map((value) => (value === undefined ? 0 : (String(Math.round(value * 1000) / 1000).split('.')[1] ?? '').length)))
}

/** "3 ms", "9.1 s", "2 min 5 s". */
export function duration(ms: number): string {
  if (ms < 100) return say('time.ms', { n: Math.max(0, Math.round(ms)) })
  if (ms < 119_950) return say('time.seconds', { n: (ms / 1000).toFixed(1) })
  const seconds = Math.round(ms / 1000)
  return say('time.minutes', { n: Math.floor(seconds / 60), seconds: seconds % 60 })
}

/** "00:11.4", the same width for an hour's run. */
export function clock(ms: number): string {
  const tenths = Math.floor(Math.max(0, ms) / 100)
  const minutes = String(Math.floor(tenths / 600)).padStart(2, '0')
  const seconds = ((tenths % 600) / 10).toFixed(1).padStart(4, '0')
  return `${minutes}:${seconds}`
}

/** "USD 0.021", "free", "price unknown": never 0.00 by default. */
export function price(cost: Cost | undefined, provider?: string): string {
  if (provider === 'rules' || provider === 'scripted') return say('cost.none')
  if (cost === undefined) return say('cost.unknown')
  if (cost.amount === 0) return say(cost.complete ? 'cost.free' : 'cost.unknown')
  if (cost.amount < 0.001 && cost.complete) return say('cost.tiny', { currency: cost.currency })
  const amount = cost.amount.toFixed(cost.amount >= 1 ? 2 : 3)
  const known = cost.estimated ? 'cost.estimated' : 'cost.known'
  return say(cost.complete ? known : 'cost.about', { currency: cost.currency, amount })
}

/** "20 Nov 2026, 14:02". */
export function moment(at: string): string {
  const date = new Date(at)
  if (Number.isNaN(date.getTime())) return at
  return date.toLocaleString('en-GB', { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' })
}

/** "14:02:09". */
export function timeOfDay(ms: number): string {
  return new Date(ms).toLocaleTimeString('en-GB')
}

/** A run's id short enough for a heading. */
export function shortId(id: string): string {
  return id.length > 18 ? `${id.slice(0, 8)}..${id.slice(-6)}` : id
}

/** Why something failed, as a sentence. */
export function reason(failure: Failure | undefined): string {
  if (failure === undefined) return say('code.unknown', { code: '?' })
  return failure.message || named('code', failure.code, say('code.unknown', { code: failure.code }))
}

/** "openai / gpt-5-mini", "mistral, then openai / gpt-5-mini", or the planned models. */
export function who(query: QueryView): string {
  if (!query.provider) return query.models.map((model) => model.replace('/', ' / ')).join(', ')
  const target = query.model && query.model !== query.provider ? `${query.provider} / ${query.model}` : query.provider
  return query.switchedFrom ? say('time.switched', { from: query.switchedFrom, to: target }) : target
}

/** The one unit that is a word of a language. */
const YEARS = 'a'

const UNITS: readonly (readonly [RegExp, string])[] = [
  [/_percent$/, '%'],
  [/_kg_m3$/, 'kg/m³'],
  [/_kn_m2$/i, 'kN/m²'],
  [/_mg_l$/, 'mg/l'],
  [/_mg_kg$/, 'mg/kg'],
  [/_ml_kg$/, 'ml/kg'],
  [/_mm$/, 'mm'],
  [/_m2$/, 'm²'],
  [/_m3$/, 'm³'],
  [/_m$/, 'm'],
  [/_tonnes$/, 't'],
  [/_ms$/, 'ms'],
  [/_czk$/, 'CZK'],
  [/_years$/, YEARS],
]

/** A field's name for people: `min_cement_kg_m3` reads "Min cement, kg/m³". */
export function label(key: string): string {
  const known = named('field', key, '')
  if (known !== '') return known
  const per = key.replace(/_czk_per_m3$/, '_czk')
  const unit = UNITS.find(([pattern]) => pattern.test(per))
  const stem = (unit ? per.replace(unit[0], '') : per).replaceAll('_', ' ').trim()
  const name = (stem.charAt(0).toUpperCase() + stem.slice(1)).replace(/(\d+) percent\b/, '$1 %').replace(/\bvat\b/i, 'VAT')
  return unit ? `${name}, ${unit[1] === YEARS ? say('unit.years') : unit[1]}` : name
}
