import { useSignal } from '@preact/signals'
import { exportPath } from '../api'
import { say } from '../words'
import { useMenu } from './menu'

const FORMS = [
  { word: 'export.xlsx', form: 'format=xlsx' },
  { word: 'export.csv', form: 'format=csv' },
  { word: 'export.csv_european', form: 'format=csv&style=european' },
  { word: 'export.md', form: 'format=md' },
  { word: 'export.html', form: 'format=html' },
  { word: 'export.json', form: 'format=json' },
  { word: 'export.ndjson', form: 'format=ndjson' },
] as const

/** The report as a file: plain links, which the browser saves. */
export function ExportMenu({ id }: { id: string }) {
  const open = useSignal(false)
  const close = () => {
    open.value = false
  }
  const { button, items, onKeyDown } = useMenu(open.value, close)
  return (
    <div class="row-menu" data-testid="export-menu" onKeyDown={onKeyDown}>
      <button type="button" class="quiet" ref={button} aria-expanded={open.value} onClick={() => (open.value = !open.value)}>
        {say('export.title')}
      </button>
      {open.value && (
        <div class="row-items" ref={items}>
          {FORMS.map(({ word, form }) => (
            <a key={form} href={exportPath(id, form)} download data-form={form} onClick={close}>
              {say(word)}
            </a>
          ))}
        </div>
      )}
    </div>
  )
}
