import { duration, number, price } from '../format'
import { longestChain } from '../report'
import type { QueryView, RunView } from '../run'
import { phaseWord, whyOpen } from '../sentences'
import { say } from '../words'
import { PrintCourse } from './PrintCourse'
import { Section, answerer } from './Section'
import { Sheet } from './Sheet'
import type { Column } from './Sheet'

const columns = (run: RunView): readonly Column<QueryView>[] => [
  { title: say('col.query'), text: (query) => query.title },
  { title: say('col.model'), text: (query) => (query.provider ? answerer(query.provider, query.model) : '') },
  { title: say('col.first_token'), class: 'right', text: firstToken },
  { title: say('col.total_time'), class: 'right', text: (query) => (query.timeMs === undefined || query.phase === 'skipped' ? '' : duration(query.timeMs)) },
  { title: say('col.tokens'), class: 'right', text: tokens },
  { title: say('col.cost'), class: 'right', text: (query) => (query.cost || query.phase === 'done' ? price(query.cost, query.provider) : '') },
  { title: say('col.result'), text: (query) => (query.error && query.phase !== 'done' ? whyOpen(query, run) : phaseWord(query.phase)) },
]

/** What each query took and cost, and what running side by side has saved, in words. */
export function CostAndTime({ run }: { run: RunView }) {
  const speed = speedOf(run)
  return (
    <Section title={say('report.cost')} testid="cost">
      <PrintCourse run={run} />
      <Sheet title={say('report.cost')} columns={columns(run)} rows={run.queries} testid="cost-table" />
      {speed && (
        <>
          <p data-testid="speed">{speed.words}</p>
          {speed.sum !== undefined && (
            <details class="computed">
              <summary>{say('report.how_computed')}</summary>
              <p>{say('report.computed', { sum: duration(speed.sum), total: duration(speed.total), ratio: number(speed.sum / Math.max(1, speed.total), 2) })}</p>
            </details>
          )}
        </>
      )}
    </Section>
  )
}

function tokens({ usage }: QueryView): string {
  if (usage?.input_tokens === undefined && usage?.output_tokens === undefined) return ''
  const both = say('report.tokens', { into: number(usage.input_tokens ?? 0), out: number(usage.output_tokens ?? 0) })
  return usage.estimated ? say('report.about', { tokens: both }) : both
}

function firstToken(query: QueryView): string {
  const first = query.segments.find((segment) => segment.phase === 'streaming')
  if (first === undefined || query.startedMs === undefined || query.attempts.length === 0) return ''
  return duration(first.from - query.startedMs)
}

interface Speed {
  readonly words: string
  readonly total: number
  /** Of all queries; absent where there is nothing to compare. */
  readonly sum?: number
}

/** "All calls one after the other would have taken 38.2 s ...": the efficiency as a sentence. */
function speedOf(run: RunView): Speed | undefined {
  const performance = run.final?.performance
  if (performance === undefined || run.status === 'cancelled') return undefined
  const times = Object.entries(performance.query_times)
  const total = performance.total_time_ms
  if (times.length < 2) return { words: say('report.parallel_one'), total }
  const sum = times.reduce((all, [, time]) => all + time, 0)
  if (total === 0 || sum / total < 1.05) return { words: say('report.parallel_same', { sum: duration(sum), total: duration(total) }), total, sum }
  const saved = say('report.parallel', { sum: duration(sum), total: duration(total), times: number(sum / total, 1) })
  const { titles, time } = longestChain(run.queries, performance.query_times)
  const pace = say(titles.length === 1 ? 'report.slowest' : 'report.longest', { query: titles.join(', '), time: duration(time), ours: duration(Math.max(0, total - time)) })
  return { words: `${saved} ${pace}`, total, sum }
}
