import type { ReadonlySignal, Signal } from '@preact/signals'
import { who } from '../format'
import type { QueryView, RunView } from '../run'
import { figuresOf, stateOf } from '../sentences'
import { say } from '../words'
import { Bar } from './Bar'

interface Props {
  readonly query: QueryView
  readonly index: number
  readonly run: RunView
  readonly elapsed: ReadonlySignal<number>
  readonly span: number
  readonly selected: Signal<string>
  readonly reachable: boolean
}

/** One query: who answers, what it is doing, the end of its text, and its bar. */
export function QueryRow({ query, index, run, elapsed, span, selected, reachable }: Props) {
  const open = selected.value === query.id
  const state = stateOf(query, run)
  const preview = previewOf(query)
  const toggle = () => (selected.value = open ? '' : query.id)
  return (
    <tr
      data-testid="query-row"
      data-query={query.id}
      data-phase={query.phase === 'planned' ? 'queued' : query.phase}
      data-attempt={query.attempt}
      data-provider={query.provider ?? ''}
      class={open ? 'open' : undefined}
      onClick={toggle}
    >
      <th scope="row">
        <button
          type="button"
          class="row-title"
          id={`row-${query.id}`}
          tabIndex={reachable ? 0 : -1}
          aria-expanded={open}
          aria-controls={open ? 'detail' : undefined}
          title={say('time.details', { query: query.title })}
        >
          <span class="muted number">{index + 1}</span> {query.title}
        </button>
        <span class="who muted">{who(query)}</span>
      </th>
      <td class="state">
        <span class="doing" data-phase={query.phase} title={state}>
          {state}
        </span>
        <span class="figures-line number muted">{figuresOf(query).join('  ·  ')}</span>
        <span class="preview" aria-hidden="true">
          <span>{preview}</span>
        </span>
      </td>
      <td class="bar" aria-hidden="true">
        <Bar query={query} elapsed={elapsed} span={span} runLimit={run.limitMs} />
      </td>
    </tr>
  )
}

/** While it streams, the end of its text; then what to do about a failure, if anything. The answer itself is in the report. */
function previewOf(query: QueryView): string {
  if (query.phase === 'failed' || query.phase === 'skipped') return query.error?.hint ?? ''
  return query.phase === 'done' ? '' : query.tail.replace(/\s+/g, ' ')
}
