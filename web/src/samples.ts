/** The examples, taken from the repository's `examples/` when the page is built. */

import strip from '../../examples/01-foundation-strip.json'
import deck from '../../examples/03-parking-deck-violation.json'
import minimal from '../../examples/06-minimal.json'
import { list, record, isRecord, text } from './wire/json'
import type { Json } from './wire/json'
import type { AuditInput } from './wire/snapshot'
import { say } from './words'

/** An example: what would be typed and what is sent along. */
export interface Sample {
  readonly id: string
  readonly title: string
  readonly question: string
  readonly input: AuditInput
}

function sample(id: string, title: string, file: Json): Sample {
  const body = record(file)
  const positions = list(body.positions).filter(isRecord)
  const specifications = record(body.specifications)
  return {
    id,
    title,
    question: text(body.question) || text(body.project_description),
    input: {
      ...(positions.length > 0 ? { positions } : {}),
      ...(Object.keys(specifications).length > 0 ? { specifications } : {}),
    },
  }
}

export const STRIP = sample('strip', say('sample.strip'), strip)

/** The examples in the order of their buttons. */
export const SAMPLES: readonly Sample[] = [
  STRIP,
  sample('deck', say('sample.deck'), deck),
  sample('minimal', say('sample.minimal'), minimal),
]
