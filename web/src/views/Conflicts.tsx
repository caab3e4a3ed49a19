import { label } from '../format'
import { isEmpty, isRecord, list, record, text } from '../wire/json'
import type { JsonObject } from '../wire/json'
import { say } from '../words'
import { answerer } from './Section'
import { Section } from './Section'
import { Sheet } from './Sheet'

/** Where a model and the rules, or two models, disagree: every claim with its source, and what stands. */
export function Conflicts({ body }: { body: JsonObject }) {
  const conflicts = list(body.conflicts).filter(isRecord)
  if (conflicts.length === 0) return null
  const claims = (conflict: JsonObject) =>
    list(conflict.claims)
      .map(record)
      .map((claim) => say('report.conflict_claim', { source: answerer(text(claim.source), undefined), value: isEmpty(claim.value) ? say('report.nothing') : text(claim.value) }))
  const columns = [
    { title: say('col.field'), text: (conflict: JsonObject) => fieldName(text(conflict.field)) },
    {
      title: say('col.claims'),
      text: (conflict: JsonObject) => claims(conflict).join('; '),
      show: (conflict: JsonObject) => claims(conflict).map((claim) => <div key={claim}>{claim}</div>),
    },
    { title: say('col.stands'), text: (conflict: JsonObject) => text(conflict.resolution) },
  ]
  return (
    <Section title={say('report.conflicts')} testid="conflicts">
      <Sheet title={say('report.conflicts')} columns={columns} rows={conflicts} />
    </Section>
  )
}

/** "compliance_status.overall" reads "Compliance: Overall". */
function fieldName(path: string): string {
  return path.split('.').map(label).join(': ')
}
