import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { html, markdownTable, put, tsv } from '../copy'
import type { Cell, Copied } from '../copy'
import { announce } from '../notice'
import { say } from '../words'
import { useAnswerLanguage } from './language'

/** A column: what it shows, and what is copied of it. */
export interface Column<T> {
  readonly title: string
  readonly text: (row: T, index: number) => Cell
  readonly show?: (row: T, index: number) => ComponentChildren
  readonly class?: string
}

interface Props<T> {
  readonly title: string
  readonly columns: readonly Column<T>[]
  readonly rows: readonly T[]
  readonly testid?: string
  /** Whether its cells hold a model's words. */
  readonly told?: boolean
  /** What links name a row by, and whether it is the one that is named. */
  readonly mark?: (row: T, index: number) => { readonly id: string; readonly chosen: boolean }
}

/** A table of the report that can be copied. */
export function Sheet<T>({ title, columns, rows, testid, told, mark }: Props<T>) {
  const lang = useAnswerLanguage()
  const copied = (): Copied => ({
    head: columns.map((column) => column.title),
    rows: rows.map((row, index) => columns.map((column) => column.text(row, index))),
  })
  return (
    <>
      <div class="scroll">
        <table class="sheet" data-testid={testid} aria-label={title}>
          <thead>
            <tr>
              {columns.map((column) => (
                <th key={column.title} scope="col" class={column.class}>
                  {column.title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, index) => {
              const named = mark?.(row, index)
              return (
                <tr key={index} id={named?.id} class={named?.chosen ? 'chosen' : undefined} tabIndex={named && -1}>
                  {columns.map((column) => (
                    <td key={column.title} data-label={column.title} class={column.class} lang={told ? lang : undefined}>
                      {column.show ? <div>{column.show(row, index)}</div> : column.text(row, index)}
                    </td>
                  ))}
                </tr>
              )
            })}
          </tbody>
        </table>
      </div>
      <CopyTable title={title} table={copied} />
    </>
  )
}

/** Copies a table: cells for a spreadsheet, or Markdown. */
export function CopyTable({ title, table }: { title: string; table: () => Copied }) {
  const done = useSignal('')
  const copy = async (forms: Readonly<Record<string, string>>) => {
    done.value = (await put(forms)) ? say('copy.done') : say('copy.failed')
    announce(done.value)
  }
  const cells = () => copy({ 'text/plain': tsv(table()), 'text/html': html(table()) })
  const text = () => copy({ 'text/plain': markdownTable(table()) })
  return (
    <p class="copy" data-testid="copy-table">
      <button type="button" class="quiet" aria-label={say('copy.cells_of', { title })} onClick={cells}>
        {say('copy.cells')}
      </button>
      <button type="button" class="quiet" aria-label={say('copy.markdown_of', { title })} onClick={text}>
        {say('copy.markdown')}
      </button>
      <span class="muted">{done.value}</span>
    </p>
  )
}
