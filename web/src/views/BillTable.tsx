import { decimals, number } from '../format'
import { count, text } from '../wire/json'
import type { JsonObject } from '../wire/json'
import { say } from '../words'

/** The rows of a bill as they are sent: read-only, decimals aligned. */
export function BillTable({ positions }: { positions: readonly JsonObject[] }) {
  const columns = [
    { key: 'quantity', title: say('col.quantity') },
    { key: 'unit', title: say('col.unit') },
    { key: 'unit_price', title: say('col.unit_price') },
    { key: 'total_price', title: say('col.total') },
  ].filter(({ key }) => positions.some((row) => row[key] !== undefined))
  return (
    <div class="scroll">
      <table class="sheet">
        <thead>
          <tr>
            <th scope="col" class="right slim">{say('col.no')}</th>
            <th scope="col">{say('col.item')}</th>
            {columns.map(({ key, title }) => (
              <th key={key} scope="col" class={key === 'unit' ? undefined : 'right'}>
                {title}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {positions.map((row, index) => (
            <tr key={index}>
              <td class="right muted" data-label={say('col.no')}>{text(row.no) || index + 1}</td>
              <td data-label={say('col.item')}>{text(row.item_name) || text(row.description)}</td>
              {columns.map(({ key, title }) => (
                <td key={key} data-label={title} class={key === 'unit' ? undefined : 'right'}>
                  {cell(row, key, decimals(positions.map((one) => count(one[key]))))}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function cell(row: JsonObject, key: string, places: number): string {
  const value = count(row[key])
  return value === undefined ? text(row[key]) : number(value, places)
}
