import { COMPLIANCE, answered } from '../report'
import type { RunView } from '../run'
import { isRecord, list, record, text } from '../wire/json'
import type { JsonObject } from '../wire/json'
import { named, say } from '../words'
import { Mark } from './Mark'
import type { Shape } from './Mark'
import { Section } from './Section'

const SHAPES: Readonly<Record<string, Shape | undefined>> = { PASS: 'tick', FAIL: 'cross', NOT_APPLICABLE: 'dash' }

/** The compliance status, its checks one by one, and the standards looked at. */
export function Compliance({ run, body }: { run: RunView; body: JsonObject }) {
  if (!answered(run, COMPLIANCE)) return null
  const status = record(body.compliance_status)
  const overall = text(status.overall)
  const checks = list(body.compliance_checks)
    .map(record)
    .flatMap((group) => list(group.items).map((item) => ({ category: text(group.category), item: record(item) })))
  const standards = list(body.standards_checked).filter(isRecord)
  return (
    <>
      {(overall !== '' || checks.length > 0) && (
        <Section title={say('report.compliance')} run={run} query={COMPLIANCE} testid="compliance">
          <p>
            <b>{named('compliance', overall, overall)}</b> {text(status.summary)}
          </p>
          {checks.length > 0 && (
            <div class="scroll">
              <table class="sheet" data-testid="compliance-table">
                <thead>
                  <tr>
                    <th scope="col">{say('col.status')}</th>
                    <th scope="col">{say('col.category')}</th>
                    <th scope="col">{say('col.check')}</th>
                    <th scope="col">{say('col.expected')}</th>
                    <th scope="col">{say('col.found')}</th>
                  </tr>
                </thead>
                <tbody>
                  {checks.map(({ category, item }, index) => (
                    <tr key={index}>
                      <td data-label={say('col.status')}>
                        <CheckStatus status={text(item.status)} />
                      </td>
                      <td data-label={say('col.category')}>{category}</td>
                      <td data-label={say('col.check')}>{text(item.check)}</td>
                      <td data-label={say('col.expected')}>{text(item.required)}</td>
                      <td data-label={say('col.found')}>{text(item.found)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )}
        </Section>
      )}
      {standards.length > 0 && (
        <Section title={say('report.standards')} run={run} query={COMPLIANCE}>
          <div class="scroll">
            <table class="sheet">
              <thead>
                <tr>
                  <th scope="col">{say('col.standard')}</th>
                  <th scope="col">{say('col.title')}</th>
                  <th scope="col">{say('col.status')}</th>
                  <th scope="col">{say('col.issues')}</th>
                </tr>
              </thead>
              <tbody>
                {standards.map((standard, index) => (
                  <tr key={index}>
                    <td data-label={say('col.standard')}>{[text(standard.standard), text(standard.year)].filter(Boolean).join(':')}</td>
                    <td data-label={say('col.title')}>{text(standard.title)}</td>
                    <td data-label={say('col.status')}>{text(standard.status)}</td>
                    <td data-label={say('col.issues')}>{text(standard.issues)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </Section>
      )}
    </>
  )
}

function CheckStatus({ status }: { status: string }) {
  const key = status.toUpperCase().replaceAll(' ', '_')
  return (
    <span class="check" data-status={key}>
      <Mark shape={SHAPES[key] ?? 'query'} /> {named('check', key, status)}
    </span>
  )
}
