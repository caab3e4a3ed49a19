import { quotes } from '../quotes'
import type { Quote } from '../quotes'
import type { JsonObject } from '../wire/json'
import { say } from '../words'
import { Mark } from './Mark'
import { PlaceLink } from './PlaceLink'

/** What a section quotes, and where that was found; quotation marks only for what somebody wrote. */
export function Quotes({ body, sections }: { body: JsonObject; sections: readonly string[] }) {
  const own = quotes(body).filter(({ section }) => sections.includes(section))
  if (own.length === 0) return null
  const missing = own.filter(({ found }) => !found).length
  return (
    <details class="quotes" open={missing > 0} data-testid="quotes">
      <summary>{say('quote.count', { n: own.length, found: own.length - missing })}</summary>
      <ul>
        {own.map((one, index) => (
          <li key={index}>
            {one.found ? <span>{say('quote.quoted', { text: one.quote })}</span> : <s>{one.quote}</s>} <Badge quote={one} />
          </li>
        ))}
      </ul>
    </details>
  )
}

/** How many quotations of the whole report were found. */
export function QuoteCount({ body }: { body: JsonObject }) {
  const all = quotes(body)
  if (all.length === 0) return null
  const found = all.filter((one) => one.found).length
  return (
    <p class="quote-count" data-testid="quote-count">
      <b>{say('quote.title')}</b> {say('quote.count', { n: all.length, found })}
    </p>
  )
}

function Badge({ quote: { found, where, row } }: { quote: Quote }) {
  if (!found) {
    return (
      <span class="evidence" data-found="false">
        <Mark shape="cross" /> {say('quote.not_found')}
      </span>
    )
  }
  return (
    <span class="evidence" data-found="true">
      <Mark shape="tick" /> {where === 'checks' ? say('quote.found_checks') : say('quote.found')}{' '}
      {row === undefined ? <span class="muted">{place(where)}</span> : <PlaceLink kind="row" name={String(row + 1)} text={say('finding.row', { rows: row + 1 })} />}
    </span>
  )
}

function place(where: string): string {
  if (where === 'description') return say('quote.in_description')
  return where === 'specifications' ? say('quote.in_specifications') : ''
}
