import { useSignal } from '@preact/signals'
import type { RefObject } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { orderRun } from '../api'
import type { Order } from '../api'
import { at } from '../base'
import type { Followed } from '../follow'
import { shortId } from '../format'
import { assertive } from '../notice'
import { retry } from '../retrying'
import { isClosed, isTerminal, spent } from '../run'
import type { RunView } from '../run'
import { say } from '../words'
import { ConfirmCancel } from './ConfirmCancel'
import { Notify } from './Notify'

interface Props {
  readonly run: RunView
  readonly followed: Followed
  readonly cost: string
  /** Where focus goes when the button that ended the run is gone. */
  readonly heading: RefObject<HTMLElement | null>
}

/** What can be done with the run as it stands; what cannot be done is not there. */
export function RunControls({ run, followed, cost, heading }: Props) {
  // Which question is open; each is a dialog of its own, so that one that is closing takes no other with it.
  const asking = useSignal(0)
  const asked = useRef(0)
  const ask = () => (asking.value = asked.current += 1)
  const busy = useSignal<Order | 'retry' | undefined>(undefined)
  const trouble = useSignal('')
  const ended = isTerminal(run) || followed.link.value.state === 'ended'
  // Who saw it run keeps the place of all its buttons.
  const watched = useRef(!ended).current
  const open = run.queries.filter((query) => !isClosed(query)).length
  const costs = (spent(run)?.amount ?? 0) > 0
  const answered = run.queries.some((query) => query.phase === 'done')

  useEffect(() => {
    if (ended && busy.value !== undefined && document.activeElement === document.body) heading.current?.focus()
  }, [ended])

  const shown = asking.value

  const fail = (why: string) => {
    busy.value = undefined
    trouble.value = say('run.order_failed', { why })
    assertive.value = trouble.value
  }
  const order = async (what: Order) => {
    if (busy.value !== undefined) return
    asking.value = 0
    busy.value = what
    trouble.value = ''
    const answer = await orderRun(run.id, what)
    if (!answer.ok) fail(answer.problem.detail)
    else if (what === 'pause' || what === 'resume') busy.value = undefined
  }
  const again = async () => {
    busy.value = 'retry'
    trouble.value = ''
    const why = await retry(run.id)
    if (why !== '') fail(why)
  }
  const cancel = () => {
    if (costs && open > 1) ask()
    else void order('cancel')
  }

  useEffect(() => {
    if (ended) return
    const onKeyDown = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && event.shiftKey) ask()
    }
    window.addEventListener('keydown', onKeyDown)
    return () => window.removeEventListener('keydown', onKeyDown)
  }, [ended])

  return (
    <div class={watched ? 'run-actions watched' : 'run-actions'}>
      {!ended && run.status !== 'queued' && <Hold paused={run.status === 'paused'} busy={busy.value} order={order} />}
      {!ended && (
        <button type="button" data-testid="cancel-run" aria-disabled={busy.value === 'cancel'} onClick={cancel}>
          {busy.value === 'cancel' ? say('run.cancelling') : say('run.cancel')}
        </button>
      )}
      <Freeze followed={followed} ended={ended} />
      <Notify run={run} />
      {!ended && answered && open > 0 && (
        <button type="button" data-testid="finish-run" aria-disabled={busy.value === 'finish'} title={say('run.finish_text')} onClick={() => void order('finish')}>
          {say('run.finish')}
        </button>
      )}
      {isTerminal(run) && run.status !== 'completed' && run.status !== 'failed' && (
        <button type="button" data-testid="retry-run" disabled={busy.value === 'retry'} title={say('run.retry_text')} onClick={() => void again()}>
          {say('run.retry')}
        </button>
      )}
      <Relatives run={run} />
      {trouble.value && <span class="fault">{trouble.value}</span>}
      {shown > 0 && !ended && <ConfirmCancel key={shown} cost={costs ? cost : undefined} yes={() => void order('cancel')} no={() => asking.value === shown && (asking.value = 0)} />}
    </div>
  )
}

/** Starts no more queries, or goes on; the same button, so that focus stays. */
function Hold({ paused, busy, order }: { paused: boolean; busy: string | undefined; order: (what: Order) => Promise<void> }) {
  return (
    <button
      type="button"
      class="hold"
      data-testid="pause-run"
      aria-disabled={busy === 'pause' || busy === 'resume'}
      title={paused ? undefined : say('run.pause_text')}
      onClick={() => void order(paused ? 'resume' : 'pause')}
    >
      {paused ? say('run.resume') : say('run.pause')}
    </button>
  )
}

/** Stops the display, not the run. */
function Freeze({ followed, ended }: { followed: Followed; ended: boolean }) {
  if (followed.frozen.value) {
    return (
      <button type="button" key="freeze" class="frozen" data-testid="freeze-view" aria-pressed="true" onClick={followed.unfreeze}>
        {say('run.frozen', { n: followed.behind.value })}
      </button>
    )
  }
  if (ended) return null
  return (
    <button type="button" key="freeze" data-testid="freeze-view" aria-pressed="false" title={say('run.freeze_text')} onClick={followed.freeze}>
      {say('run.freeze')}
    </button>
  )
}

/** The run that this one retries, and the one that retries it. */
function Relatives({ run }: { run: RunView }) {
  return (
    <>
      {run.retryOf && <a data-testid="retry-of" href={at(`/runs/${run.retryOf}`)}>{say('run.retry_of', { id: shortId(run.retryOf) })}</a>}
      {run.retriedBy && <a data-testid="retried-by" href={at(`/runs/${run.retriedBy}`)}>{say('run.retried_by', { id: shortId(run.retriedBy) })}</a>}
    </>
  )
}
