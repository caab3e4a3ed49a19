import { useSignal } from '@preact/signals'
import { decimals, number } from '../format'
import { positions, rank } from '../report'
import type { RunView } from '../run'
import { count, text } from '../wire/json'
import { say } from '../words'
import { Section } from './Section'
import { Severity } from './Severity'

const FEW = 20

/** The bill with its flags: which row, how grave, why. A long bill starts with its flagged rows only. */
export function Positions({ run }: { run: RunView }) {
  const rows = positions(run)
  const flagged = rows.filter((row) => row.flags.length > 0)
  const only = useSignal(rows.length > FEW)
  if (run.checks === undefined || rows.length === 0) return null
  const places = decimals(rows.map(({ row }) => count(row.quantity)))
  return (
    <Section title={say('report.positions')} testid="positions">
      <p class="positions-head">
        <span>{say('report.positions_count', { n: rows.length, flagged: flagged.length })}</span>
        <label>
          <input type="checkbox" checked={only.value} onChange={(event) => (only.value = event.currentTarget.checked)} /> {say('report.only_flagged')}
        </label>
      </p>
      <div class="scroll">
        <table class="sheet" data-testid="positions-table">
          <thead>
            <tr>
              <th scope="col" class="right slim">{say('col.no')}</th>
              <th scope="col">{say('col.item')}</th>
              <th scope="col" class="right">{say('col.quantity')}</th>
              <th scope="col">{say('col.unit')}</th>
              <th scope="col">{say('col.flag')}</th>
              <th scope="col">{say('col.why')}</th>
            </tr>
          </thead>
          <tbody>
            {(only.value ? flagged : rows).map(({ index, row, flags }) => {
              const quantity = count(row.quantity)
              const worst = [...flags].sort((a, b) => rank(b.severity) - rank(a.severity))[0]
              return (
                <tr key={index} class={worst ? 'flagged' : undefined} id={`position-${index + 1}`}>
                  <td class="right" data-label={say('col.no')}>{text(row.no) || index + 1}</td>
                  <td data-label={say('col.item')}>{text(row.item_name) || text(row.description)}</td>
                  <td class="right" data-label={say('col.quantity')}>{quantity === undefined ? text(row.quantity) : number(quantity, places)}</td>
                  <td data-label={say('col.unit')}>{text(row.unit)}</td>
                  <td data-label={say('col.flag')}>
                    {worst ? <Severity value={worst.severity} /> : <span class="muted">{say('report.no_flag')}</span>}
                  </td>
                  <td data-label={say('col.why')}>
                    {flags.map((flag, at) => (
                      <div key={at}>
                        <code>{flag.rule}</code> {flag.message}
                      </div>
                    ))}
                  </td>
                </tr>
              )
            })}
          </tbody>
        </table>
      </div>
    </Section>
  )
}
