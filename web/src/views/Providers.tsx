import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { duration, number, timeOfDay } from '../format'
import { notice, useSaid } from '../notice'
import { readProviders, reset, test } from '../providers'
import type { Endpoint, Times } from '../providers'
import { arrived } from '../route'
import { look } from '../standing'
import type { Problem } from '../wire/problem'
import { learn, named, say } from '../words'
import { history } from '../words/history'
import { providers } from '../words/providers'

learn(history)
learn(providers)

const EVERY_MS = 5000

/** Who can be asked, and how each of them does. */
export function Providers() {
  const heading = useRef<HTMLHeadingElement>(null)
  const rows = useSignal<readonly Endpoint[] | undefined>(undefined)
  const problem = useSignal<Problem | undefined>(undefined)
  const asOf = useSignal(0)
  const refresh = async () => {
    const answer = await readProviders()
    problem.value = answer.ok ? undefined : answer.problem
    if (!answer.ok) return
    rows.value = answer.value
    asOf.value = Date.now()
  }
  useEffect(() => {
    document.title = say('app.title', { page: say('providers.title') })
    if (arrived.value) heading.current?.focus()
    arrived.value = false
    const whenSeen = () => {
      if (!document.hidden) void refresh()
    }
    whenSeen()
    const timer = setInterval(whenSeen, EVERY_MS)
    document.addEventListener('visibilitychange', whenSeen)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', whenSeen)
    }
  }, [])
  useEffect(() => {
    if (problem.value === undefined) return
    const why = problem.value.detail
    notice.value = {
      tone: 'warn',
      text: asOf.value === 0 ? why : say('history.stale', { time: timeOfDay(asOf.value), why }),
      action: { label: say('conn.try'), run: () => void refresh() },
    }
    return () => {
      notice.value = undefined
    }
  }, [problem.value])

  const vendors = rows.value?.filter((row) => row.place === 'vendor' || row.place === 'local') ?? []
  return (
    <div class="providers">
      <h1 ref={heading} tabIndex={-1}>
        {say('providers.title')}
      </h1>
      {rows.value === undefined && <p class="muted">{say('page.loading')}</p>}
      {rows.value !== undefined && vendors.length === 0 && (
        <div class="prose" data-testid="providers-empty">
          <p>{say('providers.none')}</p>
          <ul>
            <li>{say('providers.add_key')}</li>
            <li>{say('providers.add_local')}</li>
          </ul>
          <p>{say('providers.without')}</p>
        </div>
      )}
      {rows.value !== undefined && rows.value.length > 0 && <Table rows={rows.value} stale={problem.value !== undefined} refresh={refresh} />}
    </div>
  )
}

function Table({ rows, stale, refresh }: { rows: readonly Endpoint[]; stale: boolean; refresh: () => Promise<void> }) {
  return (
    <table class={`sheet provider-table${stale ? ' stale' : ''}`}>
      <thead>
        <tr>
          <th scope="col">{say('providers.provider')}</th>
          <th scope="col">{say('providers.state')}</th>
          <th scope="col" class="right">{say('providers.in_flight')}</th>
          <th scope="col" class="right">{say('providers.first')}</th>
          <th scope="col" class="right">{say('providers.total')}</th>
          <th scope="col" class="right">{say('providers.success')}</th>
          <th scope="col">{say('providers.failures')}</th>
          <th scope="col">
            <span class="unseen">{say('history.menu')}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Row key={row.name} row={row} refresh={refresh} />
        ))}
      </tbody>
    </table>
  )
}

function Row({ row, refresh }: { row: Endpoint; refresh: () => Promise<void> }) {
  const said = useSignal('')
  const busy = useSignal(false)
  const idle = row.state === 'not_configured' || row.place === 'simulated'
  useSaid(busy.value ? '' : said.value)
  const tryIt = async () => {
    busy.value = true
    said.value = say('providers.testing')
    const answer = await test(row.name)
    busy.value = false
    said.value = !answer.ok
      ? answer.problem.detail
      : answer.value.ok
        ? say('providers.works', { model: answer.value.model, time: duration(answer.value.ms) })
        : answer.value.message
    await Promise.all([refresh(), look()])
  }
  const close = async () => {
    busy.value = true
    const answer = await reset(row.name)
    busy.value = false
    said.value = answer.ok ? '' : answer.problem.detail
    await Promise.all([refresh(), look()])
  }
  return (
    <tr data-testid="provider-row" data-provider={row.name} data-state={row.state} class={idle ? 'idle' : ''}>
      <td data-label={say('providers.provider')}>
        <span>
          <strong>{row.name}</strong>
          <span class="aside">{whereWord(row)}</span>
        </span>
      </td>
      <td data-label={say('providers.state')}>
        <span>
          <span class="provider-state">{stateWord(row)}</span>
          {said.value && (
            <span class="aside" data-testid="provider-said">
              {said.value}
            </span>
          )}
        </span>
      </td>
      <td class="right number" data-label={say('providers.in_flight')}>
        {idle ? '' : load(row)}
      </td>
      <td class="right number" data-label={say('providers.first')}>
        {quantiles(row.first)}
      </td>
      <td class="right number" data-label={say('providers.total')}>
        {quantiles(row.total)}
      </td>
      <td class="right number" data-label={say('providers.success')}>
        {row.success === undefined ? '' : say('providers.percent', { n: number(Math.round(row.success * 100)), calls: row.calls })}
      </td>
      <td data-label={say('providers.failures')}>{failures(row)}</td>
      <td class="actions-cell">
        {!idle && row.place !== 'built_in' && (
          <span class="provider-actions">
            <button type="button" disabled={busy.value} onClick={() => void tryIt()}>
              {say('providers.test')}
            </button>
            {row.state !== 'ready' && (
              <button type="button" disabled={busy.value} onClick={() => void close()}>
                {say('providers.reset')}
              </button>
            )}
          </span>
        )}
      </td>
    </tr>
  )
}

function whereWord(row: Endpoint): string {
  if (row.place === 'built_in') return say('providers.built_in')
  if (row.place === 'simulated') return say('providers.simulated')
  return row.place === 'local' ? say('providers.local', { host: row.host }) : row.host
}

function stateWord(row: Endpoint): string {
  const time = row.until === '' ? '' : timeOfDay(Date.parse(row.until))
  switch (row.state) {
    case 'ready':
      return say('providers.ready')
    case 'open':
      return time === '' ? say('providers.open') : say('providers.open_until', { time })
    case 'half_open':
      return say('providers.half_open')
    case 'cooling':
      return say('providers.cooling', { time })
    case 'out_of_service':
      return say('providers.out', { why: named('code', row.reason, row.reason) })
    case 'isolated':
      return say('providers.isolated')
    case 'not_configured':
      return say('providers.missing', { what: row.missing })
    default:
      return row.state
  }
}

function load(row: Endpoint): string {
  const most = row.most === undefined ? '' : number(row.most)
  const calls = most === '' ? number(row.inFlight) : say('providers.of', { n: row.inFlight, most })
  return row.waiting > 0 ? say('providers.queue', { calls, waiting: row.waiting }) : calls
}

function quantiles(times: Times | undefined): string {
  return times === undefined ? '' : say('providers.quantiles', { p50: duration(times.p50), p95: duration(times.p95) })
}

function failures(row: Endpoint): string {
  if (row.failures === 0) return ''
  const time = row.failedAt === '' ? '' : timeOfDay(Date.parse(row.failedAt))
  return say('providers.in_a_row', { n: row.failures, time, why: row.reason === '' ? '' : named('code', row.reason, row.reason) })
}
