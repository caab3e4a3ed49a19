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

/** The report of a panel that is no audit: its fields in their order, or the answers themselves. */
export function Answers({ run, body }: { run: RunView; body: JsonObject }) {
  if (isRound(run, body)) return <Members run={run} body={body} />
  if (!isTerminal(run)) return null
  const { answers, sections: _, ...fields } = body
  const merged = Object.entries(fields).filter(([, value]) => !isEmpty(value))
  const given = Object.entries(record(answers)).filter(([, value]) => !isEmpty(value))
  // A cancelled run may have answers and no result.
  const kept = merged.length + given.length > 0 ? [] : run.queries.filter((query) => !isEmpty(query.result))
  if (merged.length + given.length + kept.length === 0) return <p class="muted">{say('answer.none')}</p>
  return (
    <div data-testid="answers" class="answers">
      {merged.map(([key, value]) => (
        <Section key={key} title={label(key)} run={run} body={body} name={key}>
          <Answer value={value} />
        </Section>
      ))}
      {!isRecord(answers) && !isEmpty(answers) && (
        <Section title={label('answers')}>
          <Answer value={answers} />
        </Section>
      )}
      {given.map(([query, value]) => (
        <Section key={query} title={titleOf(run, query)} run={run} query={query}>
          <Answer value={value} />
        </Section>
      ))}
      {kept.map((query) => (
        <Section key={query.id} title={query.title} run={run} query={query.id}>
          <Answer value={query.result} />
        </Section>
      ))}
    </div>
  )
}

function Answer({ value }: { value: Json | undefined }) {
  return <Guard value={value}>{typeof value === 'string' ? <Markdown text={value} /> : <Value value={value} />}</Guard>
}
