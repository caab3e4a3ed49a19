/** Costs and sizes of what is not made yet, as people read them. */

import { say } from './words'

/** What a run may cost before it is made: "USD 0.05 to 0.09", "free", "price unknown". */
export function amounts(cost: { readonly atLeast: number; readonly atMost?: number; readonly currency: string; readonly complete: boolean } | undefined): string {
  if (cost === undefined) return say('cost.unknown')
  const { atLeast, atMost, currency, complete } = cost
  if (complete && atMost === 0) return say('cost.free')
  const least = money(atLeast)
  if (!complete) return atLeast === 0 ? say('cost.unknown') : say('form.cost_incomplete', { currency, least })
  return atMost === undefined ? say('form.cost_least', { currency, least }) : say('form.cost_range', { currency, least, most: money(atMost) })
}

function money(amount: number): string {
  return amount > 0 && amount < 0.001 ? amount.toPrecision(1) : amount.toFixed(amount >= 1 ? 2 : 3)
}

/** "412 B", "38 kB", "1.2 MB". */
export function bytes(size: number): string {
  if (size < 1000) return `${size} B`
  return size < 1_000_000 ? `${Math.round(size / 1000)} kB` : `${(size / 1_000_000).toFixed(1)} MB`
}
