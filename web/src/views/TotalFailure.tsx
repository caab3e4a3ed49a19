import { useSignal } from '@preact/signals'
import { saveDraft } from '../draft'
import { reason } from '../format'
import { assertive } from '../notice'
import { retry } from '../retrying'
import { go } from '../route'
import { isWanted } from '../run'
import type { RunView } from '../run'
import { stateOf } from '../sentences'
import { say } from '../words'

/** What no second run cures: it has to be put right where the providers are configured. */
const PROVIDERS: ReadonlySet<string> = new Set(['credentials_refused', 'no_credit', 'model_not_found', 'connect_failed', 'tls_failed', 'breaker_open'])
/** What another question may cure. */
const QUESTION: ReadonlySet<string> = new Set(['request_refused', 'context_too_long', 'content_refused', 'cost_limit'])

/** No query succeeded: the reasons, each once and the commonest first, and the likeliest way on before the others. No report skeleton. */
export function TotalFailure({ run }: { run: RunView }) {
  const trouble = useSignal('')
  const busy = useSignal(false)
  const failed = run.queries.filter((query) => query.phase !== 'done' && isWanted(query))
  const byReason = new Map<string, typeof failed>()
  for (const query of failed) {
    const why = query.phase === 'skipped' ? stateOf(query, run) : reason(query.error)
    byReason.set(why, [...(byReason.get(why) ?? []), query])
  }
  const groups = [...byReason].sort(([, a], [, b]) => b.length - a.length)
  const hinted = failed.some((query) => query.error?.hint)
  const code = groups.flatMap(([, queries]) => queries).find((query) => query.phase === 'failed')?.error?.code ?? ''
  const likeliest = PROVIDERS.has(code) ? 'providers' : QUESTION.has(code) && !run.simulated ? 'edit' : 'again'

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
  const editing = !run.simulated && (
    <button type="button" class={likeliest === 'edit' ? 'primary' : undefined} onClick={edit}>
      {say('failed.edit')}
    </button>
  )

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
              {hinted && <th scope="col">{say('col.hint')}</th>}
            </tr>
          </thead>
          <tbody>
            {groups.map(([why, queries]) => (
              <tr key={why}>
                <td data-label={say('col.queries')}>
                  {say('failed.count', { n: failed.length, failed: queries.length })}
                  <br />
                  <span class="muted">{queries.map((query) => query.title).join(', ')}</span>
                </td>
                <td data-label={say('col.reason')}>{why}</td>
                {hinted && <td data-label={say('col.hint')}>{queries.find((query) => query.error?.hint)?.error?.hint ?? ''}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div class="actions">
        {likeliest === 'providers' && (
          <button type="button" class="primary" data-testid="see-providers" onClick={() => go('/providers')}>
            {say('failed.providers')}
          </button>
        )}
        {likeliest === 'edit' && editing}
        <button type="button" class={likeliest === 'again' ? 'primary' : undefined} data-testid="run-again" disabled={busy.value} onClick={again}>
          {say('failed.again')}
        </button>
        {likeliest !== 'edit' && editing}
        <span class="muted">{say('failed.input')}</span>
        {trouble.value && <span class="fault">{trouble.value}</span>}
      </div>
    </section>
  )
}
