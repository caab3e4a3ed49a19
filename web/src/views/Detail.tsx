import { useMemo } from 'preact/hooks'
import { duration, number, reason } from '../format'
import { isClosed } from '../run'
import type { QueryView } from '../run'
import { notesOfQuery, phaseWord } from '../sentences'
import { say } from '../words'
import { Transcript } from './Transcript'

/** One query whole: its attempts, its phases and all of its text. */
export function Detail({ query, close }: { query: QueryView; close: () => void }) {
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape' && !event.shiftKey) close()
  }
  const facts = useMemo(() => <Facts query={query} />, [query.attempts, query.segments, query.phase, query.error, query.warnings])
  return (
    <section class="detail" id="detail" aria-label={say('detail.title', { query: query.title })} onKeyDown={onKeyDown}>
      <div class="detail-head">
        <h2>{query.title}</h2>
        <button type="button" class="quiet" onClick={close}>
          {say('detail.close')}
        </button>
      </div>
      <div class="detail-body">
        {facts}
        <Transcript query={query} />
      </div>
    </section>
  )
}

function Facts({ query }: { query: QueryView }) {
  const notes = notesOfQuery(query)
  return (
    <div class="detail-facts" tabIndex={0} role="group" aria-label={say('detail.facts')}>
      {query.error && isClosed(query) && <p class="why">{reason(query.error)}</p>}
      {query.error?.hint && (
        <p>
          <b>{say('detail.hint')}</b> {query.error.hint}
        </p>
      )}
      {notes.length > 0 && (
        <ul class="notes" data-testid="query-notes">
          {notes.map((note, index) => (
            <li key={index}>{note}</li>
          ))}
        </ul>
      )}
      {query.attempts.length > 0 && <Attempts query={query} />}
      {query.segments.length > 0 && <Phases query={query} />}
      {query.error?.provider_message && (
        <>
          <h3>{say('detail.provider_said')}</h3>
          <pre class="said">{query.error.provider_message}</pre>
        </>
      )}
    </div>
  )
}

function Attempts({ query }: { query: QueryView }) {
  return (
    <>
      <h3>{say('detail.attempts')}</h3>
      <table class="sheet">
        <thead>
          <tr>
            <th scope="col" class="right">{say('detail.attempt')}</th>
            <th scope="col">{say('detail.who')}</th>
            <th scope="col" class="right">{say('detail.from')}</th>
            <th scope="col" class="right">{say('detail.took')}</th>
            <th scope="col">{say('detail.outcome')}</th>
          </tr>
        </thead>
        <tbody>
          {query.attempts.map((attempt) => (
            <tr key={attempt.number}>
              <td class="right" data-label={say('detail.attempt')}>{attempt.number}</td>
              <td data-label={say('detail.who')}>{[attempt.provider, attempt.model].filter(Boolean).join(' / ')}</td>
              <td class="right" data-label={say('detail.from')}>{seconds(attempt.from)}</td>
              <td class="right" data-label={say('detail.took')}>{attempt.to === undefined ? '' : duration(attempt.to - attempt.from)}</td>
              <td data-label={say('detail.outcome')}>{outcome(query, attempt)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  )
}

function outcome(query: QueryView, attempt: QueryView['attempts'][number]): string {
  if (attempt.error && attempt.discarded) return say('detail.discarded', { why: reason(attempt.error), n: attempt.discarded })
  if (attempt.error) return reason(attempt.error)
  return attempt.to === undefined ? say('detail.running') : phaseWord(query.phase)
}

function Phases({ query }: { query: QueryView }) {
  return (
    <>
      <h3>{say('detail.phases')}</h3>
      <table class="sheet">
        <thead>
          <tr>
            <th scope="col">{say('detail.phase')}</th>
            <th scope="col" class="right">{say('detail.from')}</th>
            <th scope="col" class="right">{say('detail.took')}</th>
          </tr>
        </thead>
        <tbody>
          {query.segments.map((segment, index) => (
            <tr key={index}>
              <td data-label={say('detail.phase')}>{phaseWord(segment.phase)}</td>
              <td class="right" data-label={say('detail.from')}>{seconds(segment.from)}</td>
              <td class="right" data-label={say('detail.took')}>
                {segment.to === undefined ? (isClosed(query) ? '' : say('detail.running')) : duration(segment.to - segment.from)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  )
}

function seconds(ms: number): string {
  return say('time.seconds', { n: number(ms / 1000, 2) })
}
