import { signal } from '@preact/signals'
import type { FunctionComponent } from 'preact'
import { useEffect } from 'preact/hooks'
import { useSaid } from '../notice'
import { say } from '../words'
import type { Props } from './ReportBody'

/** The report's code, which the form does not need. */
const body = signal<FunctionComponent<Props> | 'absent' | 'failed'>('absent')

function load(): void {
  import('./ReportBody').then(
    (module) => (body.value = module.ReportBody),
    // A newer server no longer has the file.
    () => (body.value = 'failed'),
  )
}

/** The report of a run; its place is kept while its code is on the way. */
export function Report(props: Props) {
  const Body = body.value
  useEffect(() => {
    if (body.value === 'absent') load()
  }, [])
  useSaid(Body === 'failed' ? say('report.not_loaded') : '', 'alarm')
  if (Body === 'failed') {
    return (
      <p class="part">
        {say('report.not_loaded')}{' '}
        <button type="button" onClick={() => location.reload()}>
          {say('report.load_again')}
        </button>
      </p>
    )
  }
  return Body === 'absent' ? <div class="report-place" aria-busy="true" /> : <Body {...props} />
}
