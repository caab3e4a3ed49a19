import { rank } from '../severity'
import { named } from '../words'

/** One hue from light to dark, with the number and the word, so that it reads without colour. */
export function Severity({ value }: { value: string }) {
  const level = rank(value)
  return (
    <span class="severity" data-level={level}>
      <b>{level}</b> {named('severity', value.toLowerCase(), value)}
    </span>
  )
}
