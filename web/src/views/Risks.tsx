import { COMPLIANCE, answered, risks } from '../report'
import type { RunView } from '../run'
import { isEmpty, text } from '../wire/json'
import type { JsonObject } from '../wire/json'
import { say } from '../words'
import { Section } from './Section'
import { Severity } from './Severity'
import { Value } from './Value'

/** The risk register, and what else the second query asks of the reader. */
export function Risks({ run, body }: { run: RunView; body: JsonObject }) {
  if (!answered(run, COMPLIANCE)) return null
  const register = risks(body)
  const more = [
    { key: 'document_issues', title: say('report.issues') },
    { key: 'rfi_items', title: say('report.questions') },
    { key: 'recommendations', title: say('report.recommendations') },
  ].filter(({ key }) => !isEmpty(body[key]))
  return (
    <>
      {register.length > 0 && (
        <Section title={say('report.risks')} run={run} query={COMPLIANCE} testid="risk-register">
          <div class="scroll">
            <table class="sheet">
              <thead>
                <tr>
                  <th scope="col">{say('col.severity')}</th>
                  <th scope="col">{say('col.no')}</th>
                  <th scope="col">{say('col.category')}</th>
                  <th scope="col">{say('col.risk')}</th>
                  <th scope="col">{say('col.impact')}</th>
                  <th scope="col">{say('col.measure')}</th>
                </tr>
              </thead>
              <tbody>
                {register.map((risk, index) => (
                  <tr key={index}>
                    <td data-label={say('col.severity')}>
                      <Severity value={text(risk.severity)} />
                    </td>
                    <td class="number" data-label={say('col.no')}>{text(risk.id)}</td>
                    <td data-label={say('col.category')}>{text(risk.category)}</td>
                    <td data-label={say('col.risk')}>
                      <b>{text(risk.title)}</b>
                      {!isEmpty(risk.description) && <span class="aside">{text(risk.description)}</span>}
                      {risk.can_proceed === false && <span class="aside stop">{say('risk.stop')}</span>}
                      {!isEmpty(risk.assumption) && <span class="aside">{say('risk.assumption', { text: text(risk.assumption) })}</span>}
                    </td>
                    <td data-label={say('col.impact')}>{text(risk.impact)}</td>
                    <td data-label={say('col.measure')}>
                      {text(risk.recommendation)}
                      {!isEmpty(risk.estimated_effort) && <span class="aside">{say('risk.effort', { text: text(risk.estimated_effort) })}</span>}
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </Section>
      )}
      {more.map(({ key, title }) => (
        <Section key={key} title={title} run={run} query={COMPLIANCE}>
          <Value value={body[key]} />
        </Section>
      ))}
    </>
  )
}
