import { useComputed } from '@preact/signals'
import type { ReadonlySignal, Signal } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import { label, who } from '../format'
import { preview, rate } from '../query'
import { isClosed } from '../run'
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
  readonly runLimit: number | undefined
  readonly selected: Signal<string>
  readonly reachable: boolean
  /** Marked while the row that needs it is pointed at. */
  readonly needed: boolean
  readonly cancelling: boolean
  readonly cancel: (id: string) => void
}

const PART = /^(.*?)( \(\d+\/\d+\))?$/s
/** Longer reasons get a second line, where the preview stands otherwise. */
const ONE_LINE = 50

/** One query: who answers, what it is doing, the end of its text, and its bar. */
export function QueryRow(props: Props) {
  const { query, index, run, elapsed, span, runLimit, selected, reachable, needed, cancelling, cancel } = props
  const open = selected.value === query.id
  const state = stateOf(query, run)
  const speed = useComputed(() => {
    const now = rate(query, elapsed.value)
    return now === undefined ? undefined : Math.round(now)
  })
  const figures = figuresOf(query, query.phase === 'streaming' ? speed.value : undefined).join('  ·  ')
  const asked = who(query)
  // Which part it is tells parts apart; the name may be cut.
  const [, name = query.title, part = ''] = PART.exec(query.title) ?? []
  // The place of a section's name is kept between two of them, so that nothing beside it moves.
  const section = isClosed(query) || query.reading.form !== 'json' ? undefined : query.reading.section
  const says = previewOf(query)
  const bar = useMemo(
    () => <Bar query={query} elapsed={elapsed} span={span} runLimit={runLimit} />,
    [query.segments, query.phase, query.startedMs, elapsed, span, runLimit],
  )
  // Drawn again only when something that it shows is another: most frames change one row's text.
  return useMemo(() => {
    const toggle = () => (selected.value = open ? '' : query.id)
    return (
      <tr
        data-testid="query-row"
        data-query={query.id}
        data-phase={query.phase === 'planned' ? 'queued' : query.phase}
        data-attempt={query.attempt}
        data-provider={query.provider ?? ''}
        aria-rowindex={index + 2}
        class={open ? 'open' : needed ? 'needed' : undefined}
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
            <span class="muted number">{index + 1}</span> <span class="name">{name}</span>
            {part}
          </button>
          <span class="who muted">{asked}</span>
        </th>
        <td class="state">
          <span class={state.length > ONE_LINE ? 'doing long' : 'doing'} data-phase={query.phase} title={state}>
            {state}
          </span>
          <span class="figures-line number muted">{figures}</span>
          <span class="preview" aria-hidden="true">
            {section !== undefined && <b>{label(section)}</b>}
            <span class="says">
              <span>{says}</span>
            </span>
          </span>
        </td>
        <td class="bar" aria-hidden="true">
          {bar}
        </td>
        <td class="row-actions">
          <RowAction query={query} cancelling={cancelling} cancel={cancel} view={() => (selected.value = query.id)} />
        </td>
      </tr>
    )
  }, [query.id, query.phase, query.attempt, query.provider, query.title, index, state, figures, asked, section, says, bar, open, reachable, needed, cancelling, cancel])
}

interface ActionProps {
  readonly query: QueryView
  readonly cancelling: boolean
  readonly cancel: (id: string) => void
  readonly view: () => void
}

/** One button whatever the query does, so that focus stays where it was when the query ends. */
function RowAction({ query, cancelling, cancel, view }: ActionProps) {
  const ended = isClosed(query)
  const parts = { query: query.title }
  const [word, spoken] = ended
    ? query.phase === 'done'
      ? [say('row.view_answer'), say('row.view_answer_of', parts)]
      : query.text.chars > 0 || query.partial
        ? [say('row.view_partial'), say('row.view_partial_of', parts)]
        : [say('row.view_details'), say('time.details', parts)]
    : cancelling
      ? [say('row.cancelling'), say('row.cancelling_of', parts)]
      : [say('row.cancel'), say('row.cancel_of', parts)]
  const act = (event: MouseEvent) => {
    event.stopPropagation()
    if (ended) view()
    else if (!cancelling) cancel(query.id)
  }
  return (
    <button
      type="button"
      class="quiet"
      data-testid={ended ? 'query-view' : 'query-cancel'}
      aria-label={spoken}
      aria-disabled={!ended && cancelling}
      onClick={act}
    >
      {word}
    </button>
  )
}

/** While it streams, the end of its text; then what to do about a failure, if anything. The answer itself is in the report. */
function previewOf(query: QueryView): string {
  if (query.phase === 'failed' || query.phase === 'skipped') return query.error?.hint ?? ''
  return query.phase === 'done' ? '' : preview(query).replace(/\s+/g, ' ')
}
