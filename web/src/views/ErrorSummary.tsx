import { useEffect, useRef } from 'preact/hooks'
import type { Problem } from '../wire/problem'
import { say } from '../words'

/** Why nothing was started; takes the focus, and each line leads to its field. */
export function ErrorSummary({ fault, problem }: { fault: string; problem: Problem | undefined }) {
  const box = useRef<HTMLDivElement>(null)
  useEffect(() => box.current?.focus(), [fault !== '', problem])
  const lines = problem?.errors ?? []
  return (
    <div class="error-summary" data-testid="error-summary" tabIndex={-1} ref={box}>
      <h2>{say('form.errors')}</h2>
      {fault && (
        <p>
          <a href="#question">{fault}</a>
        </p>
      )}
      {problem && (
        <>
          <p>{problem.detail}</p>
          {lines.length > 0 && (
            <ul>
              {lines.map((line) => (
                <li key={line.pointer + line.detail}>
                  {line.pointer.startsWith('/question') ? <a href="#question">{line.detail}</a> : line.detail}{' '}
                  <code>{line.pointer}</code>
                </li>
              ))}
            </ul>
          )}
          {problem.hint && <p class="muted">{problem.hint}</p>}
        </>
      )}
    </div>
  )
}
