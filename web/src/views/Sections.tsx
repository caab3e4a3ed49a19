import { useMemo } from 'preact/hooks'
import { label } from '../format'
import type { Section } from '../sections'
import type { Json } from '../wire/json'
import { say } from '../words'
import { Mark } from './Mark'
import { Value } from './Value'

interface Props {
  readonly sections: readonly Section[]
  /** The section that is being written, and the end of what it says. */
  readonly open: string
  readonly says: string
}

/** A JSON answer as its sections: those that are complete laid out, the open one in words. */
export function Sections({ sections, open, says }: Props) {
  return (
    <>
      {sections.map(([name, value]) => (
        <Complete key={name} name={name} value={value} />
      ))}
      {open !== '' && (
        <section class="part-open">
          <h4>
            {label(open)} <span class="muted">{say('detail.section_open')}</span>
          </h4>
          <p>{says}</p>
        </section>
      )}
    </>
  )
}

function Complete({ name, value }: { name: string; value: Json }) {
  return useMemo(
    () => (
      <section>
        <h4>
          {label(name)} <Mark shape="tick" />
        </h4>
        <Value value={value} depth={1} />
      </section>
    ),
    [name, value],
  )
}
