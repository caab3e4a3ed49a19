import { useSignal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { amounts, bytes } from '../amounts'
import { estimate, getTimes, requestOf } from '../asking'
import type { Destination, Estimate } from '../asking'
import { at } from '../base'
import { chosenPanel, questionFault, takenOf } from '../form'
import type { Form } from '../form'
import { duration, number, timeOfDay } from '../format'
import { oneAtATime } from '../latest'
import { health, lostAt, providers } from '../reach'
import { isBlankRow } from '../rows'
import { named, say } from '../words'

const REST_MS = 800
const FEWEST_TIMES = 3

/** Says before the first click where the words would go, what that may cost and how long the last runs took. */
export function Destinations({ form }: { form: Form }) {
  const told = useSignal<Estimate | undefined>(undefined)
  const times = useSignal<readonly number[]>([])
  const takes = form.takes.value
  const draft = takenOf(form.draft.value, takes)
  const chosen = chosenPanel(form)
  const panel = chosen?.name ?? ''
  // Only the audit has rules that answer in the place of a model.
  const nobody = isUnconnected() && chosen?.asksDefault === true && !chosen.checks && draft.choices.model === ''
  const queue = useMemo(oneAtATime, [])
  const gone = lostAt.value !== undefined
  useEffect(() => {
    if (gone || nobody || questionFault(draft.question) !== '') {
      told.value = undefined
      return undefined
    }
    let over = false
    const look = async () => {
      if (over) return
      const answer = await estimate(requestOf(draft).body)
      if (!over) told.value = answer.ok ? answer.value : undefined
    }
    const timer = setTimeout(queue, REST_MS, look)
    return () => {
      clearTimeout(timer)
      over = true
    }
  }, [form.draft.value, takes, gone, nobody])
  useEffect(() => {
    let over = false
    times.value = []
    if (panel !== '') void getTimes(panel).then((answer) => !over && answer.ok && (times.value = answer.value))
    return () => {
      over = true
    }
  }, [panel])

  const rows = draft.rows.filter((row) => !isBlankRow(row)).length
  if (lostAt.value !== undefined) {
    const time = timeOfDay(lostAt.value).slice(0, 5)
    return <p class="fault" id="why-not" data-testid="destinations">{say('form.unreachable', { time })}</p>
  }
  return (
    <>
      {!nobody && <p data-testid="estimate">{told.value ? figures(told.value, times.value).map((one) => <span key={one}>{one}</span>) : say('form.no_estimate')}</p>}
      <p data-testid="destinations" class={nobody ? 'warned' : undefined}>
        {nobody ? say('form.no_model_panel') : where(told.value, rows)}{' '}
        {isUnconnected() && <a href={at('/providers')}>{say('form.connect')}</a>}
      </p>
      {told.value && told.value.parts > 1 && <p class="muted" data-testid="in-parts">{say('form.in_parts', { n: told.value.parts })}</p>}
      {told.value?.rows && told.value.rows.sent < told.value.rows.total && (
        <p class="warned" data-testid="rows-left-out">{say('form.rows_left_out', { sent: number(told.value.rows.sent), total: number(told.value.rows.total) })}</p>
      )}
      {[...troubles(told.value?.destinations ?? []), ...missing(told.value?.destinations ?? [])].map((trouble) => (
        <p key={trouble} class="warned" data-testid="provider-note">{trouble}</p>
      ))}
    </>
  )
}

/** Queries, tokens, cost and time, each a phrase of its own. */
function figures({ queries, inputTokens, cost, destinations }: Estimate, times: readonly number[]): readonly string[] {
  const all = [say('form.queries', { n: queries })]
  if (destinations.length > 0) {
    all.push(say('form.tokens', { n: number(inputTokens) }))
    all.push(amounts(cost))
  }
  const [least, most] = [times[0], times.at(-1)]
  if (times.length >= FEWEST_TIMES && least !== undefined && most !== undefined) {
    all.push(say('form.times', { n: times.length, least: duration(least), most: duration(most) }))
  }
  return all
}

function where(told: Estimate | undefined, rows: number): string {
  if (told === undefined && health.value === undefined) return say('form.asking_health')
  const to = told?.destinations ?? health.value?.destinations ?? []
  if (to.length === 0) return say(isUnconnected() ? 'form.no_model' : 'form.sends_nothing')
  const size = told ? bytes(told.bytes) : ''
  // What fits into no prompt is not sent.
  const sent = told?.rows?.sent ?? rows
  const what = sent > 0 ? say('form.what_rows', { n: number(sent) }) : say('form.what_question')
  const names = [...new Set(to.map(name))].join(', ')
  return size === '' ? say('form.sends', { what, where: names }) : say('form.sends_size', { what, size, where: names })
}

/** Whether the rules answer because nobody else can. */
function isUnconnected(): boolean {
  return health.value?.configuredProviders === 0
}

function name({ provider, host, local }: Pick<Destination, 'provider' | 'host' | 'local'>): string {
  return local ? say('form.local', { provider }) : say('form.remote', { provider, host })
}

/** Models that their providers do not list: a slip of the pen more often than not. */
function missing(destinations: readonly Destination[]): readonly string[] {
  const lacking = destinations.filter(({ isMissing }) => isMissing)
  return lacking.map(({ provider, model, closest }) => say(closest === '' ? 'form.not_offered' : 'form.not_offered_closest', { provider, model, closest }))
}

/** Providers of this run that would not be asked now, and who is left. */
function troubles(destinations: readonly Destination[]): readonly string[] {
  const asked = [...new Set(destinations.map(({ provider }) => provider))]
  const stateOf = (provider: string) => providers.value.find((one) => one.name === provider)
  const isDown = (provider: string) => !['ready', 'degraded', 'half_open'].includes(stateOf(provider)?.state ?? 'ready')
  const others = asked.filter((provider) => !isDown(provider))
  return asked.filter(isDown).map((provider) => {
    const state = stateOf(provider)
    const why = named('code', state?.reason ?? '', named('state', state?.state ?? '', state?.state ?? ''))
    return others.length > 0 ? say('form.down_others', { provider, why, others: others.join(', ') }) : say('form.down', { provider, why })
  })
}
