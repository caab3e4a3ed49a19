import { ROLES, SETTINGS, agrees, classes, letters, withRole } from '../boq'
import type { Corrections, Detected, Preview, Setting } from '../boq'
import { number } from '../format'
import type { Reading, Taking } from '../taking'
import { named, say } from '../words'

const FIRST = 8
const ENCODINGS = ['utf-8', 'utf-16le', 'utf-16be', 'windows-1250', 'windows-1252', 'iso-8859-2'] as const
const SEPARATORS = [';', ',', 'tab', '|'] as const
const WORDS = { sheet: 'boq.sheet', header_row: 'boq.header_row', separator: 'boq.separator', decimal: 'boq.decimal', encoding: 'boq.encoding' } as const

interface Props {
  readonly reading: Reading
  readonly taking: Taking
}

/** How a bill was read: every guess with its confidence, and what corrects it. */
export function BillReading({ reading, taking }: Props) {
  const { source, corrections, preview } = reading
  const correct = (part: Partial<Corrections>) => void taking.correct({ ...corrections, ...part })
  const set = (name: Setting, value: string) => correct({ settings: { ...corrections.settings, [name]: value }, ...(name === 'sheet' || name === 'separator' ? { roles: new Map() } : {}) })
  const mark = preview.detected.get('decimal')
  const { rows, columns } = preview.hidden
  return (
    <section class="boq-reading" data-testid="boq-reading" aria-labelledby="boq-title" aria-busy={taking.busy.value}>
      <div class="boq-head">
        <h3 id="boq-title">{source.is === 'file' ? say('boq.title', { name: source.name }) : say('boq.title_pasted')}</h3>
        <button type="button" class="quiet" onClick={() => taking.restore(undefined)}>
          {say('boq.close')}
        </button>
      </div>
      <div class="boq-settings">
        {SETTINGS.map((name) => {
          const found = preview.detected.get(name)
          return found && <Guess key={name} name={name} found={found} corrected={corrections.settings[name]} set={(value) => set(name, value)} />
        })}
        {(rows > 0 || columns > 0 || corrections.hidden) && (
          <label class="boq-hidden">
            <input type="checkbox" data-testid="boq-hidden" checked={corrections.hidden} onChange={(event) => correct({ hidden: event.currentTarget.checked })} /> {say('boq.hidden')}
            {!corrections.hidden && <span class="muted">{say('boq.hidden_left', { rows, columns })}</span>}
          </label>
        )}
      </div>
      {mark && mark.readings.length > 0 && (
        <div class="boq-readings" role="group" aria-label={say('boq.readings')} data-testid="boq-readings">
          <span class="warned">{say('boq.readings')}</span>
          {mark.readings.map(({ value, sum }) => (
            <button key={value} type="button" onClick={() => set('decimal', value)}>
              {say('boq.reading_sum', { mark: markWord(value), sum: amount(sum) })}
            </button>
          ))}
        </div>
      )}
      {preview.warnings.length > 0 && (
        <ul class="boq-warnings" data-testid="boq-warnings">
          {preview.warnings.map((warning) => (
            <li key={warning} class="warned">
              {warning}
            </li>
          ))}
        </ul>
      )}
      <Lines preview={preview} corrections={corrections} correct={correct} />
      <Sums preview={preview} />
      <p class="hint">{say('boq.edited_lost')}</p>
    </section>
  )
}

function Guess({ name, found, corrected, set }: { name: Setting; found: Detected; corrected: string | undefined; set: (value: string) => void }) {
  const id = `boq-${name}`
  const sure = corrected !== undefined ? say('boq.chosen') : say('boq.sure', { n: Math.round(found.confidence * 100) })
  return (
    <div class="boq-guess">
      <label for={id}>{say(WORDS[name])}</label>
      {name === 'header_row' ? (
        <input id={id} type="number" min="0" title={say('boq.no_header')} aria-describedby={`${id}-sure`} value={corrected ?? (found.value || '0')} onChange={(event) => event.currentTarget.value !== '' && set(event.currentTarget.value)} />
      ) : (
        <select id={id} aria-describedby={`${id}-sure`} value={corrected ?? found.value} onChange={(event) => set(event.currentTarget.value)}>
          {choices(name, found).map((value) => (
            <option key={value} value={value}>
              {name === 'decimal' ? markWord(value) : value === 'tab' ? say('boq.tab') : value}
            </option>
          ))}
        </select>
      )}
      <span id={`${id}-sure`} class={corrected === undefined && found.confidence < 0.6 ? 'warned' : 'muted'}>{sure}</span>
    </div>
  )
}

/** What can be chosen; what was found is always among it. */
function choices(name: Setting, { value, choices: known }: Detected): readonly string[] {
  const all: Partial<Record<Setting, readonly string[]>> = { sheet: known, separator: SEPARATORS, decimal: [',', '.'], encoding: ENCODINGS }
  const own = all[name] ?? []
  return own.includes(value) ? own : [value, ...own]
}

function markWord(mark: string): string {
  return mark === ',' ? say('boq.comma') : say('boq.point')
}

/** The first lines as they stand in the file, with what each column is taken for. */
function Lines({ preview, corrections, correct }: { preview: Preview; corrections: Corrections; correct: (part: Partial<Corrections>) => void }) {
  const { columns, lines } = preview
  const shown = lines.slice(0, FIRST)
  const give = (at: number, role: string) => correct({ roles: withRole(corrections.roles, columns, at, role) })
  return (
    <>
      <div class="scroll boq-lines" tabIndex={0} role="region" aria-label={say('boq.file')}>
        <table class="lines" data-testid="boq-lines">
          <thead>
            <tr>
              <th scope="col" class="right slim">{say('boq.line')}</th>
              <th scope="col">{say('boq.kind')}</th>
              {columns.map((column, at) => (
                <th key={at} scope="col">
                  <span class="boq-name">{column.name || letters(at)}</span>
                  <select aria-label={say('boq.role_of', { column: column.name || letters(at) })} value={roleAt(corrections, column.role, at)} onChange={(event) => give(at, event.currentTarget.value)}>
                    <option value="">{say('boq.no_role')}</option>
                    {ROLES.map((role) => (
                      <option key={role} value={role}>
                        {named('role', role, role)}
                      </option>
                    ))}
                  </select>
                  {column.role !== '' && <span class="boq-sure">{corrections.roles.get(column.role) === at ? say('boq.chosen') : say('boq.sure', { n: Math.round(column.confidence * 100) })}</span>}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((line) => (
              <tr key={line.row} class={line.kind === 'item' ? undefined : 'boq-other'}>
                <td class="right muted">{line.row}</td>
                <td>{named('kind', line.kind, line.kind)}</td>
                {columns.map(({ role }, at) => (
                  <td key={at} class={NUMERIC.has(role) ? 'right' : undefined}>
                    {line.cells[at]}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {lines.length > shown.length && <p class="hint">{say('boq.more_lines', { n: number(lines.length - shown.length) })}</p>}
    </>
  )
}

/** The role that a column has, or is to have. */
function roleAt({ roles }: Corrections, found: string, at: number): string {
  const given = [...roles].find(([, place]) => place === at)?.[0]
  return given ?? (roles.has(found) && roles.get(found) !== at ? '' : found)
}

const NUMERIC: ReadonlySet<string> = new Set(['quantity', 'unit_price', 'total_price'])

function Sums({ preview: { lines, sum, stated } }: { preview: Preview }) {
  const { items, headings, sums, ignored } = classes(lines)
  const parts = [say('boq.items', { n: number(items) }), say('boq.headings', { n: number(headings) }), say('boq.sums', { n: number(sums) }), say('boq.ignored', { n: number(ignored) })]
  const same = sum !== undefined && stated !== undefined && agrees(sum, stated.sum)
  return (
    <p class="boq-sums number">
      <span data-testid="boq-counts">{parts.join(', ')}</span>
      {sum !== undefined && (
        <span data-testid="boq-sum">
          <span>{say('boq.sum', { sum: amount(sum) })}</span>
          <span>{stated ? say('boq.stated', { sum: amount(stated.sum), cell: stated.cell }) : say('boq.no_stated')}</span>
          {stated && <b class={same ? 'boq-match' : 'boq-differs'}>{same ? say('boq.match') : say('boq.differs', { by: amount(Math.abs(stated.sum - sum)) })}</b>}
        </span>
      )}
    </p>
  )
}

function amount(value: number): string {
  return number(value, 2)
}
