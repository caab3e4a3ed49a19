import { COMPLIANCE, answered, riskIndex, risks } from '../report'
import type { Risk } from '../report'
import type { RunView } from '../run'
import { SEVERITIES } from '../severity'
import { isEmpty, text } from '../wire/json'
import type { JsonObject } from '../wire/json'
import { say } from '../words'
import { PlaceLink, useShown } from './PlaceLink'
import { Quotes } from './Quotes'
import { Section } from './Section'
import { Severity } from './Severity'
import { Sheet } from './Sheet'
import type { Column } from './Sheet'
import { Value } from './Value'

const COLUMNS: readonly Column<Risk>[] = [
  { title: say('col.severity'), text: (risk) => risk.severity, show: (risk) => <Severity value={risk.severity} /> },
  { title: say('col.no'), class: 'number', text: (risk) => risk.key },
  { title: say('col.category'), text: (risk) => risk.category },
  { title: say('col.risk'), text: (risk) => [risk.title, text(risk.fields.description)].filter(Boolean).join(': '), show: What },
  { title: say('col.impact'), text: (risk) => text(risk.fields.impact) },
  { title: say('col.measure'), text: (risk) => text(risk.fields.recommendation), show: Measure },
]

/** The risk register with its index, and what else the second query asks of the reader. */
export function Risks({ run, body }: { run: RunView; body: JsonObject }) {
  const there = answered(run, COMPLIANCE)
  const register = risks(body)
  const chosen = useShown('risk', (name) => {
    const at = register.findIndex((risk) => risk.key === name)
    return there && at !== -1 ? `risk-${at}` : undefined
  })
  if (!there) return null
  const mark = (risk: Risk, index: number) => ({ id: `risk-${index}`, chosen: risk.key === chosen })
  const more = [
    { key: 'document_issues', title: say('report.issues') },
    { key: 'rfi_items', title: say('report.questions') },
    { key: 'recommendations', title: say('report.recommendations') },
  ].filter(({ key }) => !isEmpty(body[key]))
  return (
    <>
      <Section title={say('report.risks')} run={run} query={COMPLIANCE} testid="risk-register">
        {register.length === 0 ? (
          <p class="muted">{say('report.no_risks')}</p>
        ) : (
          <>
            <Index register={register} />
            <Sheet title={say('report.risks')} columns={COLUMNS} rows={register} told mark={mark} />
          </>
        )}
        <Quotes body={body} sections={['risks_identified']} />
      </Section>
      {more.map(({ key, title }) => (
        <Section key={key} title={title} run={run} body={body} name={key}>
          <Value value={body[key]} />
          <Quotes body={body} sections={[key]} />
        </Section>
      ))}
    </>
  )
}

/** Which risk stands where: severity by category. */
function Index({ register }: { register: readonly Risk[] }) {
  const { categories, rows } = riskIndex(register)
  return (
    <div class="risk-index">
      <div class="scroll">
        <table class="matrix" data-testid="risk-matrix" aria-label={say('risk.index')}>
          <thead>
            <tr>
              <th scope="col">{say('col.severity')}</th>
              {categories.map((category) => (
                <th key={category} scope="col">
                  {category || say('risk.other')}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ level, cells }) => (
              <tr key={level}>
                <th scope="row">
                  <Severity value={SEVERITIES[level] ?? ''} />
                </th>
                {cells.map((cell, at) => (
                  <td key={at}>
                    {cell.map((risk, index) => (
                      <span key={index}>
                        <PlaceLink kind="risk" name={risk.key} text={risk.key} />{' '}
                      </span>
                    ))}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="muted">{say('risk.index_text')}</p>
    </div>
  )
}

function What({ title, fields }: Risk) {
  return (
    <>
      <b>{title}</b>
      {!isEmpty(fields.description) && text(fields.description) !== title && <span class="aside">{text(fields.description)}</span>}
      {fields.can_proceed === false && <span class="aside stop">{say('risk.stop')}</span>}
      {!isEmpty(fields.assumption) && <span class="aside">{say('risk.assumption', { text: text(fields.assumption) })}</span>}
    </>
  )
}

function Measure({ fields }: Risk) {
  return (
    <>
      {text(fields.recommendation)}
      {!isEmpty(fields.estimated_effort) && <span class="aside">{say('risk.effort', { text: text(fields.estimated_effort) })}</span>}
    </>
  )
}
