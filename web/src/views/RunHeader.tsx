import { useEffect, useRef } from 'preact/hooks'
import type { Followed } from '../follow'
import { clock, moment, price, shortId } from '../format'
import { onlyRules } from '../result'
import { arrived } from '../route'
import { isTerminal, spent } from '../run'
import type { RunView } from '../run'
import { statusWord } from '../sentences'
import type { RunStatus } from '../wire/event'
import { say } from '../words'
import { Mark } from './Mark'
import type { Shape } from './Mark'
import { RunControls } from './RunControls'

const SHAPE: Partial<Record<RunStatus, Shape>> = { completed: 'tick', partial: 'alert', failed: 'cross', cancelled: 'bar' }

/** What runs, how it stands, what it has cost, and what can be done with it. */
export function RunHeader({ run, followed }: { run: RunView; followed: Followed }) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    if (arrived.value) heading.current?.focus()
    arrived.value = false
  }, [])

  const cost = spent(run)
  // A call that was refused is on no bill.
  const free = onlyRules(run) || run.simulated || run.queries.every((query) => query.usage === undefined && query.cost === undefined)
  const costWords = (cost && cost.amount > 0) || isTerminal(run) ? price(cost, free ? 'rules' : undefined) : say('cost.pending')
  const shape = SHAPE[run.status]

  return (
    <div class="run-header" data-testid="run-header">
      <div class="run-title">
        <h1 ref={heading} tabIndex={-1}>{run.title || say('run.title', { id: shortId(run.id) })}</h1>
        <p class="muted meta">
          <code title={run.id}>{shortId(run.id)}</code>
          <span>{say('run.started_at', { when: moment(run.createdAt) })}</span>
          <span>{say('run.revision', { panel: run.panel, revision: run.revision.slice(0, 8) })}</span>
        </p>
      </div>
      <dl class="figures">
        <div>
          <dt>{say('status.label')}</dt>
          <dd data-testid="run-status" data-status={run.status} class="status">
            {shape && <Mark shape={shape} />}
            {statusWord(run.status)}
          </dd>
        </div>
        <div>
          <dt>{say('elapsed.label')}</dt>
          <dd class="number">
            <Elapsed followed={followed} />
          </dd>
        </div>
        <div>
          <dt>{say('cost.label')}</dt>
          <dd class="number" data-testid="run-cost">{costWords}</dd>
        </div>
        <div>
          <dt>{say('conn.label')}</dt>
          <ConnectionState followed={followed} />
        </div>
      </dl>
      <RunControls run={run} followed={followed} cost={costWords} heading={heading} />
    </div>
  )
}

function Elapsed({ followed }: { followed: Followed }) {
  return <span data-testid="run-elapsed">{clock(followed.elapsed.value)}</span>
}

function ConnectionState({ followed }: { followed: Followed }) {
  const { state } = followed.link.value
  const words = {
    connecting: say('conn.connecting'),
    live: say('conn.live'),
    reconnecting: say('conn.reconnecting'),
    offline: say('conn.offline'),
    ended: say('conn.ended'),
  }
  return (
    <dd data-testid="conn-state" data-state={state === 'connecting' ? 'reconnecting' : state}>
      {words[state]}
    </dd>
  )
}
