import { decimals, label, number } from '../format'
import { isEmpty, isList, isRecord, record, text } from '../wire/json'
import type { Json, JsonObject } from '../wire/json'
import { say } from '../words'
import { useAnswerLanguage } from './language'

const MOST_COLUMNS = 8
const DEEPEST = 6
const LEDGER = 4
/** The longest item of a list that still stands in a line. */
const SHORT = 24
const LONG = 64
const CODE = /^[A-Z][\w./+-]{1,11}$/

/** Any JSON of an answer, laid out by its shape: words, lists, tables, pairs. Only text nodes. */
export function Value({ value, depth = 0 }: { value: Json | undefined; depth?: number }) {
  if (isList(value)) return <Items items={value.filter((item) => !isEmpty(item))} depth={depth} />
  if (isRecord(value) && depth < DEEPEST) return <Pairs value={value} depth={depth} />
  if (typeof value === 'number') return <span class="number">{number(value)}</span>
  if (typeof value === 'boolean') return <>{say(value ? 'boolean.yes' : 'boolean.no')}</>
  return <>{text(value)}</>
}

function Pairs({ value, depth }: { value: JsonObject; depth: number }) {
  const lang = useAnswerLanguage()
  const all = Object.entries(value).filter(([, part]) => !isEmpty(part))
  const numbers = all.flatMap(([key, part]) => (typeof part === 'number' ? [[key, part] as const] : []))
  if (depth === 0 && numbers.length === all.length && all.length >= LEDGER) return <Ledger entries={numbers} />
  // Single values first, so that nested parts do not tear their rows apart.
  const entries = [...all.filter(([, part]) => !isWide(part)), ...all.filter(([, part]) => isWide(part))]
  return (
    <dl class="pairs">
      {entries.map(([key, part]) => (
        <div key={key} class={isWide(part) ? 'wide' : undefined}>
          <dt>{label(key)}</dt>
          <dd lang={lang}>
            <Value value={part} depth={depth + 1} />
          </dd>
        </div>
      ))}
    </dl>
  )
}

/** What would stand in a narrow column as a tower of words. */
function isWide(value: Json | undefined): boolean {
  if (isList(value)) return !isLine(value)
  return isRecord(value) || text(value).length > LONG
}

/** Whether the items of a list stand in a line, with commas. */
function isLine(items: readonly Json[]): boolean {
  return items.every((item) => !isRecord(item) && !isList(item) && text(item).length <= SHORT)
}

/** How a cell is set: numbers to the right, codes in one piece. */
function cellClass(value: Json | undefined): string | undefined {
  if (typeof value === 'number') return 'right'
  return CODE.test(text(value)) ? 'code' : undefined
}

/** Numbers only: one under the other, decimals aligned. */
function Ledger({ entries }: { entries: readonly (readonly [string, number])[] }) {
  const places = decimals(entries.map(([, amount]) => amount))
  return (
    <table class="ledger">
      <tbody>
        {entries.map(([key, amount]) => (
          <tr key={key}>
            <th scope="row">{label(key)}</th>
            <td class="right">{number(amount, places)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Items({ items, depth }: { items: readonly Json[]; depth: number }) {
  const lang = useAnswerLanguage()
  const rows = items.filter(isRecord)
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row).filter((key) => !isEmpty(row[key]))))]
  if (rows.length > 0 && rows.length === items.length && columns.length <= MOST_COLUMNS) {
    return (
      <div class="scroll">
        <table class="sheet">
          <thead>
            <tr>
              {columns.map((key) => (
                <th key={key} scope="col">
                  {label(key)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, index) => (
              <tr key={index}>
                {columns.map((key) => (
                  <td key={key} data-label={label(key)} class={cellClass(row[key])} lang={lang}>
                    <Value value={row[key]} depth={depth + 1} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    )
  }
  if (isLine(items)) return <>{items.map(text).join(', ')}</>
  return (
    <ul>
      {items.map((item, index) => (
        <li key={index} lang={lang}>
          <Value value={isRecord(item) ? record(item) : item} depth={depth + 1} />
        </li>
      ))}
    </ul>
  )
}
