import { signal } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import { spanMs } from '../axis'
import { printing } from '../print'
import type { RunView } from '../run'
import { stateOf } from '../sentences'
import { say } from '../words'
import { Axis } from './Axis'
import { Bar } from './Bar'
import { Legend } from './Legend'

/** The course of the run as bars, on paper; on the screen it is the timeline. */
export function PrintCourse({ run }: { run: RunView }) {
  const total = run.final?.performance?.total_time_ms ?? run.elapsedMs
  const span = spanMs('fit', total, false)
  const elapsed = useMemo(() => signal(total), [total])
  if (!printing.value) return null
  return (
    <div class="on-paper course" data-testid="print-course">
      <Legend />
      <table class="sheet">
        <thead>
          <tr>
            <th scope="col">{say('col.query')}</th>
            <th scope="col" class="axis">
              <Axis length={span} limit={undefined} />
            </th>
          </tr>
        </thead>
        <tbody>
          {run.queries.map((query) => (
            <tr key={query.id}>
              <td>
                {query.title}
                <span class="aside">{stateOf(query, run)}</span>
              </td>
              <td class="bar">
                <Bar query={query} elapsed={elapsed} span={span} runLimit={undefined} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
