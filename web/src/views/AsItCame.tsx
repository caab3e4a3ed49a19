import type { Json } from '../wire/json'
import { say } from '../words'

/** A part of a result whose shape the page does not know: said so, and shown whole. */
export function AsItCame({ value }: { value: Json | undefined }) {
  return (
    <div data-testid="as-it-came">
      <p class="muted">{say('report.not_laid_out')}</p>
      <pre class="raw" tabIndex={0}>
        {typeof value === 'string' ? value : JSON.stringify(value, null, 2)}
      </pre>
    </div>
  )
}
