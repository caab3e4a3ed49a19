import type { ComponentChildren } from 'preact'
import { ticks } from '../axis'

/** The ground of a bar: `--at` and `--long` of what stands on it are percent of its length. */
export function Track({ span, children }: { span: number; children: ComponentChildren }) {
  const step = ((ticks(span)[1] ?? span) / span) * 100
  return (
    <span class="track" style={{ '--step': step }}>
      {children}
    </span>
  )
}
