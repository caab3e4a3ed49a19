import { who } from '../format'
import { agreementOf, membersOf, namesOf } from '../members'
import type { QueryView } from '../query'
import { isTerminal } from '../run'
import type { RunView } from '../run'
import { stateOf } from '../sentences'
import { isEmpty, list, record, text } from '../wire/json'
import type { Json, JsonObject } from '../wire/json'
import { learn, say } from '../words'
import { members } from '../words/members'
import { Guard } from './Guard'
import { Markdown } from './Markdown'
import { Section } from './Section'
import { Value } from './Value'

learn(members)

/** All members side by side in the panel's order, then what was made of their answers. */
export function Members({ run, body }: { run: RunView; body: JsonObject }) {
  const dissent = record(body.dissent)
  return (
    <div class="answers" data-testid="members">
      <ul class="members" aria-label={say('members.title')}>
        {membersOf(run).map((query) => (
          <Member key={query.id} query={query} run={run} />
        ))}
      </ul>
      {isTerminal(run) && !isEmpty(body.synthesis) && (
        <Section title={say('members.synthesis')} testid="synthesis">
          {text(body.synthesis_method) === 'fallback' && <p class="muted">{say('members.fallback')}</p>}
          <Said value={body.synthesis} />
        </Section>
      )}
      {isTerminal(run) && membersOf(run).length > 1 && <Agreement run={run} body={body} />}
      {!isEmpty(dissent) && (
        <Section title={say('members.dissent', { name: text(dissent.fighter) })} testid="dissent">
          <Said value={dissent.answer} />
        </Section>
      )}
      {list(body.reviews).map((value) => {
        const review = record(value)
        return isEmpty(review.answer) ? null : (
          <Section key={text(review.query)} title={text(review.fighter)} testid="review">
            <Said value={review.answer} />
          </Section>
        )
      })}
    </div>
  )
}

/** One member: sign, name and role, what it is doing, and its answer once it is whole. */
function Member({ query, run }: { query: QueryView; run: RunView }) {
  return (
    <li class="part member" data-testid="member" data-query={query.id} data-phase={query.phase}>
      <h3>
        <span>
          {query.icon !== undefined && (
            <span class="icon" aria-hidden="true">
              {query.icon}
            </span>
          )}
          {query.title}
        </span>
        <span class="from">{who(query)}</span>
      </h3>
      {query.role !== undefined && <p class="role">{query.role}</p>}
      <p class="state">{stateOf(query, run)}</p>
      {query.result !== undefined && <Said value={query.result} />}
    </li>
  )
}

function Agreement({ run, body }: { run: RunView; body: JsonObject }) {
  const { level, groups, undecided } = agreementOf(body)
  const told = { high: say('members.high'), split: say('members.split') }[level] ?? say('members.unknown')
  return (
    <Section title={say('members.agreement')} testid="agreement">
      <p>
        <strong>{told}</strong>
      </p>
      {level !== 'high' && groups.length > 0 && (
        <ul>
          {groups.map((group) => (
            <li key={group.join()}>{say(group.length === 1 ? 'members.alone' : 'members.group', { names: namesOf(run, group).join(', ') })}</li>
          ))}
          {undecided.length > 0 && <li>{say('members.undecided', { names: namesOf(run, undecided).join(', ') })}</li>}
        </ul>
      )}
      <p class="muted">{say('members.measure')}</p>
    </Section>
  )
}

function Said({ value }: { value: Json | undefined }) {
  return <Guard value={value}>{typeof value === 'string' ? <Markdown text={value} /> : <Value value={value} />}</Guard>
}
