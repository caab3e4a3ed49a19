import { useSignal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { showIcon } from '../favicon'
import { follow } from '../follow'
import { announce, assertive } from '../notice'
import { content } from '../result'
import { parameter, setParameters } from '../route'
import { isClosed, isTerminal } from '../run'
import type { RunView } from '../run'
import { stateOf, statusWord } from '../sentences'
import { look } from '../standing'
import { record, text } from '../wire/json'
import type { Snapshot } from '../wire/snapshot'
import { say } from '../words'
import { Connection } from './Connection'
import { NotShown } from './NotShown'
import { Report } from './Report'
import { RunHeader } from './RunHeader'
import { RunTabs } from './RunTabs'
import { Timeline } from './Timeline'
import { TotalFailure } from './TotalFailure'
import { WhatWasAsked } from './WhatWasAsked'
import { AnswerLanguage } from './language'
import { later } from './later'

/** Fetched apart, after the first paint: nobody needs it before the first click on a row. */
const loadDetail = () => import('./Detail').then((module) => module.Detail)
const Detail = later(loadDetail)

const Events = later(() => import('./Events').then((part) => part.Events))

/** One run: live view and report at the same address, before, during and after. */
export function RunPage({ id, first }: { id: string; first: Snapshot | undefined }) {
  const followed = useMemo(() => follow(id, first), [id])
  const selected = useSignal(parameter('query'))
  useEffect(() => followed.close, [followed])
  useEffect(() => () => showIcon(undefined), [])
  useEffect(() => void loadDetail().catch(() => undefined), [])

  const run = followed.view.value
  const closed = run?.queries.filter(isClosed).length
  const phases = run?.queries.map((one) => one.phase).join()
  useEffect(() => speak(run), [run?.status, closed])
  useEffect(() => void look(), [run?.status])
  useEffect(() => setParameters({ query: selected.value }), [selected.value])
  const query = run?.queries.find((one) => one.id === selected.value)
  useEffect(() => {
    if (run && query?.phase === 'backoff') announce(say('live.retrying', { query: query.title, state: stateOf(query, run) }))
  }, [query?.attempt])
  // What only grows text stays above; the rest is drawn again when a query or the run has moved on.
  const tab = parameter('tab')
  const below = useMemo(
    () => run && (tab === 'events' ? <Events tape={followed.tape} run={run} /> : <Outcome run={run} />),
    [tab, run?.status, run?.final, run?.checks, run?.warnings, phases],
  )

  if (run === undefined) return <NotShown id={id} problem={followed.problem.value} />
  const close = () => {
    const row = document.getElementById(`row-${selected.value}`)
    selected.value = ''
    row?.focus()
  }
  return (
    <AnswerLanguage.Provider value={text(run.input.language) || undefined}>
      <div class="run">
        <Connection followed={followed} />
        <RunHeader run={run} followed={followed} />
        {run.simulated && (
          <p class="sample-band" data-testid="sample-band">
            <strong>{say('run.simulated')}</strong> {say('run.simulated_text')}
          </p>
        )}
        <Timeline run={run} followed={followed} selected={selected} />
        {query && <Detail key={query.id} query={query} close={close} />}
        <RunTabs id={id} />
        {below}
      </div>
    </AnswerLanguage.Provider>
  )
}

/** What the run found, or why it found nothing, and what was asked. */
function Outcome({ run }: { run: RunView }) {
  return (
    <>
      {run.status === 'failed' && <TotalFailure run={run} />}
      <Report run={run} />
      <WhatWasAsked run={run} />
    </>
  )
}

/** Title and icon of the window, and what screen readers are told. */
function speak(run: RunView | undefined): void {
  if (run === undefined) return
  showIcon(run.status)
  const done = run.queries.filter(isClosed).length
  const n = run.queries.length
  const status = statusWord(run.status)
  const page = isTerminal(run) ? say('run.page_done', { status, title: run.title }) : say('run.page_progress', { done, n, title: run.title })
  document.title = say('app.title', { page })
  if (isTerminal(run)) {
    const verdict = text(record(content(run.final).verdict).word)
    if (run.status === 'failed') assertive.value = say('failed.title')
    announce(say('live.final', { status, verdict }))
    return
  }
  const latest = run.queries.filter(isClosed).sort((a, b) => (b.segments.at(-1)?.to ?? 0) - (a.segments.at(-1)?.to ?? 0))[0]
  if (run.status === 'paused') announce(say('live.paused'))
  else if (latest) announce(say('live.ended', { done, n, query: latest.title, outcome: stateOf(latest, run) }))
  else if (n > 0) announce(say('live.started', { n }))
}
