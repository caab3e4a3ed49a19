import { duration, number, price, reason } from '../format'
import type { QueryView, RunView } from '../run'
import { phaseWord } from '../sentences'
import { say } from '../words'
import { Section, answerer } from './Section'

/** What each query took and cost, and what running side by side has saved, in words. */
export function CostAndTime({ run }: { run: RunView }) {
  return (
    <Section title={say('report.cost')} testid="cost">
      <div class="scroll">
        <table class="sheet" data-testid="cost-table">
          <thead>
            <tr>
              <th scope="col">{say('col.query')}</th>
              <th scope="col">{say('col.model')}</th>
              <th scope="col" class="right">{say('col.first_token')}</th>
              <th scope="col" class="right">{say('col.total_time')}</th>
              <th scope="col" class="right">{say('col.tokens')}</th>
              <th scope="col" class="right">{say('col.cost')}</th>
              <th scope="col">{say('col.result')}</th>
            </tr>
          </thead>
          <tbody>
            {run.queries.map((query) => (
              <tr key={query.id}>
                <td data-label={say('col.query')}>{query.title}</td>
                <td data-label={say('col.model')}>{query.provider && answerer(query.provider, query.model)}</td>
                <td class="right" data-label={say('col.first_token')}>{firstToken(query)}</td>
                <td class="right" data-label={say('col.total_time')}>{query.timeMs !== undefined && duration(query.timeMs)}</td>
                <td class="right" data-label={say('col.tokens')}>{tokens(query)}</td>
                <td class="right" data-label={say('col.cost')}>{(query.cost ?? (query.phase === 'done')) && price(query.cost, query.provider)}</td>
                <td data-label={say('col.result')}>{query.error && query.phase === 'failed' ? reason(query.error) : phaseWord(query.phase)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p>{speed(run)}</p>
    </Section>
  )
}

function tokens(query: QueryView): string {
  const { usage } = query
  if (usage?.input_tokens === undefined && usage?.output_tokens === undefined) return ''
  return `${number(usage.input_tokens ?? 0)} / ${number(usage.output_tokens ?? 0)}`
}

function firstToken(query: QueryView): string {
  const first = query.segments.find((segment) => segment.phase === 'streaming')
  if (first === undefined || query.startedMs === undefined || query.attempts.length === 0) return ''
  return duration(first.from - query.startedMs)
}

/** "All calls one after the other would have taken 38.2 s ...": the efficiency as a sentence. */
function speed(run: RunView): string {
  const performance = run.final?.performance
  if (performance === undefined || run.status === 'cancelled') return ''
  const times = Object.entries(performance.query_times)
  if (times.length < 2) return say('report.parallel_one')
  const sum = times.reduce((all, [, time]) => all + time, 0)
  const total = performance.total_time_ms
  const [id, time] = times.reduce((slowest, one) => (one[1] > slowest[1] ? one : slowest))
  const pace = say('report.slowest', { query: run.queries.find((query) => query.id === id)?.title ?? id, time: duration(time) })
  if (total === 0 || sum / total < 1.05) return say('report.parallel_same', { sum: duration(sum), total: duration(total) })
  return `${say('report.parallel', { sum: duration(sum), total: duration(total), times: number(sum / total, 1) })} ${pace}`
}
