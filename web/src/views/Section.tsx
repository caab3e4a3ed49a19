import type { ComponentChildren } from 'preact'
import type { RunView } from '../run'
import { titleOf } from '../sentences'
import { say } from '../words'

interface Props {
  readonly title: string
  readonly children: ComponentChildren
  /** The run and the query that the section comes from, for its provenance line. */
  readonly run?: RunView
  readonly query?: string
  readonly testid?: string
}

/** A section of the report with the line that says who wrote it. */
export function Section({ title, children, run, query, testid }: Props) {
  const from = run && query && run.queries.find((one) => one.id === query)
  return (
    <section class="part" data-testid={testid} aria-label={title}>
      <h3>
        {title}
        {from && <span class="from">{say('report.from', { query: titleOf(run, from.id), who: answerer(from.provider, from.model) })}</span>}
      </h3>
      {children}
    </section>
  )
}

/** Who answered, in words. */
export function answerer(provider: string | undefined, model: string | undefined): string {
  if (provider === 'rules' || provider === undefined) return say('report.rules')
  return model && model !== provider ? `${provider} / ${model}` : provider
}
