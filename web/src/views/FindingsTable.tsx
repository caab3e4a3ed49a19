import { findings } from '../report'
import type { RunView } from '../run'
import { text } from '../wire/json'
import { say } from '../words'
import { Section } from './Section'
import { Severity } from './Severity'

/** Every result of the checks, passes included, with how it was computed and where the rule is from. */
export function FindingsTable({ run }: { run: RunView }) {
  return (
    <Section title={say('report.findings')} testid="findings">
      <div class="scroll">
        <table class="sheet">
          <thead>
            <tr>
              <th scope="col">{say('col.severity')}</th>
              <th scope="col">{say('col.rule')}</th>
              <th scope="col" class="right">{say('col.rows')}</th>
              <th scope="col">{say('col.what')}</th>
              <th scope="col" class="right">{say('col.found')}</th>
              <th scope="col" class="right">{say('col.expected')}</th>
            </tr>
          </thead>
          <tbody>
            {findings(run).map((finding, index) => (
              <tr key={finding.id ?? `${finding.rule}-${index}`}>
                <td data-label={say('col.severity')}>
                  <Severity value={finding.severity} />
                </td>
                <td data-label={say('col.rule')}>
                  <code>{finding.rule}</code>
                </td>
                <td class="right" data-label={say('col.rows')}>{(finding.rows ?? []).map((row) => row + 1).join(', ')}</td>
                <td data-label={say('col.what')}>
                  {finding.message}
                  {finding.formula && <span class="aside">{say('finding.formula', { text: finding.formula })}</span>}
                  {finding.source && <span class="aside">{finding.source}</span>}
                  {finding.doubt && <span class="aside">{say('finding.doubt', { text: finding.doubt })}</span>}
                </td>
                <td class="right words" data-label={say('col.found')}>{text(finding.found)}</td>
                <td class="right words" data-label={say('col.expected')}>{text(finding.expected)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Section>
  )
}
