import { label } from '../format'
import { isRound } from '../members'
import { isTerminal } from '../run'
import type { RunView } from '../run'
import { titleOf } from '../sentences'
import { isEmpty, isRecord, record } from '../wire/json'
import type { Json, JsonObject } from '../wire/json'
import { say } from '../words'
import { Guard } from './Guard'
import { Markdown } from './Markdown'
import { Members } from './Members'
import { Section } from './Section'
import { Value } from './Value'
import { useDrip } from './drip'

/** The report of a panel that is no audit: its fields in their order, or the answers themselves. */
export function Answers({ run, body }: { run: RunView; body: JsonObject }) {
  const ended = isTerminal(run)
  const round = isRound(run, body)
  const parts = ended && !round ? partsOf(run, body) : []
  const drawn = useDrip(parts.length)
  if (round) return <Members run={run} body={body} />
  if (!ended) return null
  if (parts.length === 0) return <p class="muted">{say('answer.none')}</p>
  return (
    <div data-testid="answers" class="answers">
      {parts.slice(0, drawn).map(({ key, title, value, query, name }) => (
        <Section key={key} title={title} run={run} body={body} query={query} name={name}>
          <Answer value={value} />
        </Section>
      ))}
    </div>
  )
}

interface Part {
  readonly key: string
  readonly title: string
  readonly value: Json | undefined
  /** The query that it comes from; else the result says so of its field `name`. */
  readonly query?: string
  readonly name?: string
}

/** The fields of the result in their order, then the answers; a cancelled run may have answers and no result. */
function partsOf(run: RunView, body: JsonObject): readonly Part[] {
  const { answers, sections: _, ...fields } = body
  const merged = Object.entries(fields).filter(([, value]) => !isEmpty(value)).map(([name, value]): Part => ({ key: name, title: label(name), value, name }))
  const whole: readonly Part[] = isRecord(answers) || isEmpty(answers) ? [] : [{ key: 'answers', title: label('answers'), value: answers }]
  const given = Object.entries(record(answers)).filter(([, value]) => !isEmpty(value)).map(([query, value]): Part => ({ key: `of ${query}`, title: titleOf(run, query), value, query }))
  const all = [...merged, ...whole, ...given]
  if (all.length > 0) return all
  return run.queries.filter((query) => !isEmpty(query.result)).map((query) => ({ key: query.id, title: query.title, value: query.result, query: query.id }))
}

function Answer({ value }: { value: Json | undefined }) {
  return <Guard value={value}>{typeof value === 'string' ? <Markdown text={value} /> : <Value value={value} />}</Guard>
}
