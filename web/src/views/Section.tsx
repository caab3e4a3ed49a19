import type { ComponentChildren } from 'preact'
import { askedAs } from '../report'
import type { RunView } from '../run'
import { titleOf } from '../sentences'
import { record, text } from '../wire/json'
import type { JsonObject } from '../wire/json'
import { say } from '../words'

interface Props {
  readonly title: string
  readonly children: ComponentChildren
  readonly run?: RunView
  /** The query that the section comes from; else the result says so of the section `name`. */
  readonly query?: string
  readonly body?: JsonObject
  readonly name?: string
  readonly testid?: string
}

/** A section of the report with the line that says who wrote it. */
export function Section({ title, children, run, query, body, name, testid }: Props) {
  const origin = name === undefined ? {} : record(record(body?.sections)[name])
  const asked = run && askedAs(run, query ?? text(origin.query))
  const who = answerer(text(origin.provider) || asked?.provider, text(origin.model) || asked?.model)
  return (
    <section class="part" data-testid={testid} aria-label={title}>
      <h3>
        {title}
        {run && asked && <span class="from">{say('report.from', { query: titleOf(run, asked.of), who })}</span>}
      </h3>
      {children}
    </section>
  )
}

/** Who answered, in words. */
export function answerer(provider: string | undefined, model: string | undefined): string {
  if (provider === 'rules' || !provider) return say('report.rules')
  return model && model !== provider ? `${provider} / ${model}` : provider
}
