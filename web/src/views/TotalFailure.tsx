import { useSignal } from '@preact/signals'
import { saveDraft } from '../draft'
import { reason } from '../format'
import { assertive } from '../notice'
import { retry } from '../retrying'
import { go } from '../route'
import type { RunView } from '../run'
import { say } from '../words'

/** No query succeeded: the reasons, each once, and two ways on. No report skeleton. */
export function TotalFailure({ run }: { run: RunView }) {
  const trouble = useSignal('')
  const busy = useSignal(false)
  const failed = run.queries.filter((query) => query.phase !== 'done')
  const groups = new Map<string, typeof failed>()
  for (const query of failed) {
    const why = reason(query.error)
    groups.set(why, [...(groups.get(why) ?? []), query])
  }

  const again = async () => {
    busy.value = true
    trouble.value = await retry(run.id)
    busy.value = false
    if (trouble.value !== '') assertive.value = trouble.value
  }
  const edit = () => {
    saveDraft({ question: run.question, input: run.input, sample: '' })
    go('/')
  }

  return (
    <section class="total-failure" data-testid="total-failure" aria-labelledby="failed-title">
      <h2 id="failed-title">{say('failed.title')}</h2>
      {run.checks && run.checks.findings.length > 0 && <p>{say('failed.findings')}</p>}
      <div class="scroll">
        <table class="sheet">
          <caption class="unseen">{say('failed.reasons')}</caption>
          <thead>
            <tr>
              <th scope="col">{say('col.queries')}</th>
              <th scope="col">{say('col.reason')}</th>
              <th scope="col">{say('col.hint')}</th>
            </tr>
          </thead>
          <tbody>
            {[...groups].map(([why, queries]) => (
              <tr key={why}>
                <td data-label={say('col.queries')}>
                  {say('failed.count', { n: queries.length, total: run.queries.length })}
                  <br />
                  <span class="muted">{queries.map((query) => query.title).join(', ')}</span>
                </td>
                <td data-label={say('col.reason')}>{why}</td>
                <td data-label={say('col.hint')}>{queries.find((query) => query.error?.hint)?.error?.hint ?? ''}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div class="actions">
        <button type="button" class="primary" data-testid="run-again" disabled={busy.value} onClick={again}>
          {say('failed.again')}
        </button>
        {!run.simulated && (
          <button type="button" onClick={edit}>
            {say('failed.edit')}
          </button>
        )}
        <span class="muted">{say('failed.input')}</span>
        {trouble.value && <span class="fault">{trouble.value}</span>}
      </div>
    </section>
  )
}
