import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { cancelRun } from '../api'
import type { Followed } from '../follow'
import { clock, moment, price, shortId } from '../format'
import { onlyRules } from '../report'
import { arrived } from '../route'
import { isClosed, isTerminal, spent } from '../run'
import type { RunView } from '../run'
import type { RunStatus } from '../wire/event'
import { say } from '../words'
import type { Word } from '../words'
import { ConfirmCancel } from './ConfirmCancel'
import { Mark } from './Mark'
import type { Shape } from './Mark'

const STATUS: Readonly<Record<RunStatus, Word>> = {
  queued: 'status.queued',
  running: 'status.running',
  paused: 'status.paused',
  completed: 'status.completed',
  partial: 'status.partial',
  failed: 'status.failed',
  cancelled: 'status.cancelled',
}
const SHAPE: Partial<Record<RunStatus, Shape>> = { completed: 'tick', partial: 'alert', failed: 'cross', cancelled: 'bar' }

/** The status in words. */
export function statusWord(status: RunStatus): string {
  return say(STATUS[status])
}

/** What runs, how it stands, what it has cost, and the way to stop it. */
export function RunHeader({ run, followed }: { run: RunView; followed: Followed }) {
  const heading = useRef<HTMLHeadingElement>(null)
  const asking = useSignal(false)
  const cancelling = useSignal(false)
  const trouble = useSignal('')
  useEffect(() => {
    if (arrived.value) heading.current?.focus()
    arrived.value = false
  }, [])

  const ended = isTerminal(run)
  const alive = run.queries.filter((query) => !isClosed(query)).length
  const cost = spent(run)
  const costWords = cost || ended ? price(cost, onlyRules(run) || run.simulated ? 'rules' : undefined) : say('cost.pending')
  const shape = SHAPE[run.status]

  const cancel = async () => {
    asking.value = false
    cancelling.value = true
    trouble.value = ''
    const answer = await cancelRun(run.id)
    if (answer.ok) return
    cancelling.value = false
    trouble.value = say('run.cancel_failed', { why: answer.problem.detail })
  }

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
      <div class="run-actions">
        {!ended && followed.link.value.state !== 'ended' && (
          <button
            type="button"
            data-testid="cancel-run"
            disabled={cancelling.value}
            onClick={() => (cost && cost.amount > 0 && alive > 1 ? (asking.value = true) : void cancel())}
          >
            {cancelling.value ? say('run.cancelling') : say('run.cancel')}
          </button>
        )}
        {trouble.value && <span class="fault" role="alert">{trouble.value}</span>}
      </div>
      {asking.value && <ConfirmCancel cost={costWords} yes={() => void cancel()} no={() => (asking.value = false)} />}
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
