import { useEffect } from 'preact/hooks'
import { at } from '../base'
import type { Problem } from '../wire/problem'
import { say } from '../words'

/** A run that cannot be shown, or not yet. */
export function NotShown({ id, problem }: { id: string; problem: Problem | undefined }) {
  const gone = problem?.status === 404 || problem?.status === 410
  const title = problem === undefined ? say('run.loading') : gone ? say('problem.no_run') : say('problem.title')
  useEffect(() => {
    document.title = say('app.title', { page: title })
  }, [title])
  if (problem === undefined) return <p class="muted">{title}</p>
  return (
    <article class="prose">
      <h1>{title}</h1>
      <p>{gone ? say(problem.status === 410 ? 'problem.gone_text' : 'problem.no_run_text', { id }) : problem.detail}</p>
      {problem.hint && <p class="muted">{problem.hint}</p>}
      <p>
        <a href={at('/runs')}>{say('page.to_runs')}</a>
      </p>
      <p>
        <a href={at('/')}>{say('page.to_form')}</a>
      </p>
    </article>
  )
}
