import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { at } from '../base'
import { compareRuns } from '../comparison'
import type { Compared, Side } from '../comparison'
import { duration, label, moment, number, price, shortId } from '../format'
import { useSaid } from '../notice'
import { arrived, parameter } from '../route'
import { statusWord } from '../sentences'
import { rank } from '../severity'
import type { Finding } from '../wire/event'
import { text } from '../wire/json'
import type { JsonObject } from '../wire/json'
import type { Problem } from '../wire/problem'
import { verdictWord } from '../verdict'
import { learn, say } from '../words'
import { compare as words } from '../words/compare'
import { Severity } from './Severity'
import { Sheet } from './Sheet'
import type { Column } from './Sheet'

learn(words)

/** Two runs side by side: what was settled between them, what came, what stayed, and what each took. */
export function Compare() {
  const heading = useRef<HTMLHeadingElement>(null)
  const compared = useSignal<Compared | undefined>(undefined)
  const problem = useSignal<Problem | undefined>(undefined)
  const tries = useSignal(0)
  const [a, b] = [parameter('a'), parameter('b')]
  useEffect(() => {
    document.title = say('app.title', { page: say('compare.title') })
    if (arrived.value) heading.current?.focus()
    arrived.value = false
  }, [])
  useEffect(() => {
    let over = false
    compared.value = undefined
    problem.value = undefined
    void compareRuns(a, b).then((answer) => {
      if (over) return
      if (answer.ok) compared.value = answer.value
      else problem.value = answer.problem
    })
    return () => {
      over = true
    }
  }, [a, b, tries.value])
  const why = problem.value && [problem.value.detail, ...problem.value.errors.map(({ detail }) => detail)].join(' ')
  useSaid(why, 'alarm')
  return (
    <div class="compare" data-testid="compare">
      <h1 ref={heading} tabIndex={-1}>
        {say('compare.title')}
      </h1>
      {compared.value && <Body compared={compared.value} />}
      {problem.value && (
        <div class="prose" data-testid="compare-problem">
          <p>{why}</p>
          <p>
            <button type="button" onClick={() => (tries.value += 1)}>
              {say('page.try')}
            </button>{' '}
            <a href={at('/runs')}>{say('compare.choose')}</a>
          </p>
        </div>
      )}
      {compared.value === undefined && problem.value === undefined && <p class="muted">{say('page.loading')}</p>}
    </div>
  )
}

function Body({ compared }: { compared: Compared }) {
  const { a, b } = compared
  // What was only looked at is no news.
  const [fresh, resolved, unchanged] = [compared.fresh.filter(asks), compared.resolved.filter(asks), compared.unchanged.filter(asks)]
  return (
    <>
      <p data-testid="compare-counts">{say('compare.counts', { fresh: fresh.length, resolved: resolved.length, unchanged: unchanged.length })}</p>
      {a.panel !== b.panel && <p class="warned">{say('compare.other_panel')}</p>}
      <Facts a={a} b={b} />
      <Part title={say('compare.resolved')} none={say('compare.no_resolved')} findings={resolved} testid="compare-resolved" />
      <Part title={say('compare.new')} none={say('compare.no_new')} findings={fresh} testid="compare-new" />
      <Part title={say('compare.unchanged')} none={say('compare.no_unchanged')} findings={unchanged} testid="compare-unchanged" />
    </>
  )
}

/** What the two runs were, took and cost. */
function Facts({ a, b }: { a: Side; b: Side }) {
  const lines: readonly (readonly [string, (side: Side) => string])[] = [
    [say('status.label'), (side) => statusWord(side.status)],
    [say('compare.started'), (side) => moment(side.createdAt)],
    [say('compare.panel'), (side) => side.panel],
    [say('compare.ruleset'), (side) => side.ruleset],
    [say('compare.verdict'), (side) => verdictWord(side.verdict)],
    [say('col.total_time'), (side) => (side.totalMs === undefined ? '' : duration(side.totalMs))],
    [say('col.queries'), (side) => (side.executed === undefined ? '' : say('compare.ok_of', { ok: side.successful ?? 0, all: side.executed }))],
    [say('compare.tokens'), (side) => (side.tokens === undefined ? '' : number(side.tokens))],
    [say('col.cost'), (side) => (side.cost ? price(side.cost) : '')],
  ]
  const queries = [...new Set([...Object.keys(a.times), ...Object.keys(b.times)])]
  const timeOf = (side: Side, query: string) => (side.times[query] === undefined ? '' : duration(side.times[query]))
  return (
    <div class="scroll">
      <table class="lines facts" data-testid="compare-facts" aria-label={say('compare.facts')}>
        <thead>
          <tr>
            <td />
            {[a, b].map((side) => (
              <th key={side.id} scope="col">
                <a href={at(`/runs/${side.id}`)}>{side.title || say('run.title', { id: shortId(side.id) })}</a>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {lines
            .filter(([, say]) => say(a) !== '' || say(b) !== '')
            .map(([title, value]) => (
              <tr key={title}>
                <th scope="row">{title}</th>
                <td>{value(a)}</td>
                <td>{value(b)}</td>
              </tr>
            ))}
          {queries.map((query) => (
            <tr key={query}>
              <th scope="row">{say('compare.time_of', { query: label(query) })}</th>
              <td>{timeOf(a, query)}</td>
              <td>{timeOf(b, query)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function asks(finding: Finding): boolean {
  return rank(finding.severity) > 0
}

type Found = Finding & { readonly before?: JsonObject }

const COLUMNS: readonly Column<Found>[] = [
  { title: say('col.severity'), text: ({ severity }) => severity, show: ({ severity }) => <Severity value={severity} /> },
  { title: say('col.rule'), text: ({ rule }) => rule, show: ({ rule }) => <code>{rule}</code> },
  { title: say('col.rows'), text: ({ rows }) => (rows ?? []).map((row) => row + 1).join(', ') },
  { title: say('col.what'), text: ({ message }) => message, show: What },
]

function What({ message, before }: Found) {
  const earlier = text(before?.message)
  return (
    <>
      {message}
      {earlier !== '' && <span class="aside">{say('compare.before', { text: earlier })}</span>}
    </>
  )
}

/** Findings of one kind, worst first. */
function Part({ title, none, findings, testid }: { title: string; none: string; findings: readonly Found[]; testid: string }) {
  const sorted = [...findings].sort((x, y) => rank(y.severity) - rank(x.severity))
  return (
    <section class="part" aria-label={title} data-testid={testid}>
      <h2>
        {title} <span class="muted">{number(sorted.length)}</span>
      </h2>
      {sorted.length === 0 ? <p class="muted">{none}</p> : <Sheet title={title} columns={COLUMNS} rows={sorted} />}
    </section>
  )
}
