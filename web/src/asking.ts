/** What the form asks of the server before and when a run is made. */

import { call } from './api'
import type { Answer } from './api'
import { random } from './draft'
import type { Draft } from './draft'
import { sentRows } from './rows'
import type { Finding } from './wire/event'
import { count, isRecord, list, parse, record, text } from './wire/json'
import type { Json, JsonObject } from './wire/json'
import { isSnapshot } from './wire/snapshot'
import type { Snapshot } from './wire/snapshot'

/** A place where something of the run would go. */
export interface Destination {
  readonly provider: string
  readonly host: string
  readonly local: boolean
  readonly model: string
  /** Whether the provider lists its models and this one is not among them. */
  readonly isMissing: boolean
  /** The listed name that may have been meant; empty without one. */
  readonly closest: string
}

/** What a run would send and cost (`?dry_run=true`). */
export interface Estimate {
  readonly queries: number
  readonly bytes: number
  readonly inputTokens: number
  readonly destinations: readonly Destination[]
  /** Missing where no price is known. */
  readonly cost?: { readonly atLeast: number; readonly atMost?: number; readonly currency: string; readonly complete: boolean }
  /** The fewest rows that fit into a prompt, of all. */
  readonly rows?: { readonly sent: number; readonly total: number }
  /** In how many parts a bill is read that is longer than a prompt; 1 for most. */
  readonly parts: number
}

/** What the checks without AI find. */
export interface Found {
  readonly findings: readonly Finding[]
  readonly rows: number
}

/** A panel to choose. */
export interface PanelChoice {
  readonly name: string
  readonly title: string
  readonly isDefault: boolean
  readonly checks: boolean
  /** What its queries are called. */
  readonly queries: readonly string[]
  /** Whether it asks the default model, which may be none. */
  readonly asksDefault: boolean
  /** The ways in which it can be asked, the one that holds by itself first; none where there is only one. */
  readonly modes: readonly ModeChoice[]
}

/** A way to ask a panel. */
export interface ModeChoice {
  readonly name: string
  /** Empty where the panel chooses by the question. */
  readonly title: string
  /** What the queries are called that take part; all of them where it depends. */
  readonly queries: readonly string[]
}

/** How a provider stands. */
export interface ProviderState {
  readonly name: string
  readonly state: string
  readonly reason: string
  readonly hosts: readonly { readonly host: string; readonly local: boolean }[]
  readonly models: readonly string[]
}

/** A request's body, and where the rows that it holds stand in the table. */
export interface Request {
  readonly body: string
  readonly at: readonly number[]
}

/** The body of the run that a draft means. */
export function requestOf(draft: Draft): Request {
  const { positions, at } = sentRows(draft.rows)
  const { choices } = draft
  const input = {
    ...draft.rest,
    ...(positions.length > 0 ? { positions } : {}),
    ...(Object.keys(draft.specifications).length > 0 ? { specifications: draft.specifications } : {}),
    ...(choices.language === '' ? {} : { language: choices.language }),
    ...(choices.mode === '' ? {} : { mode: choices.mode }),
  }
  const options = {
    on_disconnect: 'continue',
    ...(choices.model === '' ? {} : { model: choices.model }),
    ...seconds('query_timeout_ms', choices.querySeconds),
    ...seconds('run_timeout_ms', choices.runSeconds),
    ...(choices.maxCost.trim() === '' ? {} : { max_cost: choices.maxCost.trim() }),
  }
  const panel = draft.panel === '' ? {} : { panel: draft.panel }
  return { body: JSON.stringify({ ...panel, question: draft.question, input, options }), at }
}

function seconds(key: string, typed: string): JsonObject {
  return typed.trim() === '' ? {} : { [key]: Math.round(Number(typed.replace(',', '.')) * 1000) }
}

/** What the checks find in a draft; any part of it may be missing. */
export function check(draft: Draft): Promise<Answer<Found>> {
  const { positions } = sentRows(draft.rows)
  const language = draft.choices.language === '' ? {} : { language: draft.choices.language }
  const totals = isRecord(draft.rest.totals) ? { totals: draft.rest.totals } : {}
  const body = JSON.stringify({ question: draft.question, ...language, ...totals, positions, specifications: draft.specifications })
  return call('POST', '/api/v1/audit/check', readFound, { body })
}

/** What the run of a body would send and cost; refused for what the run would be refused for. */
export function estimate(body: string): Promise<Answer<Estimate>> {
  return call('POST', '/api/v1/runs?dry_run=true', (answer) => ({ value: readEstimate(record(answer)) }), { body })
}

/** Makes the run; the same key and body are the same run, however often they are sent. */
export function makeRun(body: string, key: string): Promise<Answer<Snapshot>> {
  const read = (answer: Json | undefined) => (isSnapshot(answer) ? { value: answer } : undefined)
  return call('POST', '/api/v1/runs', read, { body, headers: { 'idempotency-key': key } })
}

/** The panels that can be asked. */
export function getPanels(): Promise<Answer<readonly PanelChoice[]>> {
  return call('GET', '/api/v1/panels', (answer) => ({ value: list(record(answer).panels).map(record).map(readPanel) }))
}

/** The fields that a panel's input has; nothing when the panel takes any. */
export function getInputFields(panel: string): Promise<Answer<readonly string[]>> {
  return call('GET', `/api/v1/panels/${encodeURIComponent(panel)}`, (answer) => ({ value: Object.keys(record(record(record(answer).input_schema).properties)) }))
}

/** How the providers stand. */
export function getProviders(): Promise<Answer<readonly ProviderState[]>> {
  return call('GET', '/api/v1/providers', (answer) => ({ value: list(record(answer).providers).map(record).map(readProvider) }))
}

/** How long the last runs of a panel took, shortest first. */
export function getTimes(panel: string): Promise<Answer<readonly number[]>> {
  const path = `/api/v1/runs?status=completed,partial&limit=20&panel=${encodeURIComponent(panel)}`
  return call('GET', path, (answer) => {
    const times = list(record(answer).runs).flatMap((run) => count(record(run).total_time_ms) ?? [])
    return { value: times.sort((a, b) => a - b) }
  })
}

const KEY = 'askstream.asking'

/**
 * The key under which this body is asked: another one for each click, but the
 * same as long as nobody knows what became of it, over a reload as well.
 */
export function keyOf(body: string): string {
  const mark = fingerprint(body)
  const open = stored()
  if (open.mark === mark) return open.key
  const key = `page-${random()}`
  store(JSON.stringify({ mark, key }))
  return key
}

/** It is known what became of the body: the next click is another one. */
export function settleKey(): void {
  store('')
}

/** Whether an answer leaves open if a run was made. */
export function isOpen(status: number): boolean {
  return status === 0 || status === 408 || status >= 500 || status < 400
}

function stored(): { readonly mark: string; readonly key: string } {
  try {
    return read(sessionStorage.getItem(KEY) ?? '')
  } catch {
    return read(unstored)
  }
}

let unstored = ''

function read(kept: string): { readonly mark: string; readonly key: string } {
  const open = record(parse(kept))
  return { mark: text(open.mark), key: text(open.key) }
}

function store(value: string): void {
  unstored = value
  try {
    sessionStorage.setItem(KEY, value)
  } catch {
    // Then it holds as long as the document.
  }
}

/** Two texts with the same one are taken for the same; the server compares them as well. */
function fingerprint(body: string): string {
  let [a, b] = [0x811c9dc5, 0x1000193]
  for (let at = 0; at < body.length; at += 1) {
    const code = body.charCodeAt(at)
    a = Math.imul(a ^ code, 0x01000193)
    b = Math.imul(b ^ code, 0x85ebca6b) ^ (b >>> 13)
  }
  return `${body.length}.${(a >>> 0).toString(36)}.${(b >>> 0).toString(36)}`
}

function readFound(answer: Json | undefined): { value: Found } | undefined {
  if (!isRecord(answer)) return undefined
  const findings = list(answer.findings).filter(isRecord).map((one) => ({
    rule: text(one.rule),
    severity: text(one.severity),
    message: text(one.message),
    found: one.found,
    formula: text(one.formula) || undefined,
    source: text(one.source) || undefined,
    rows: list(one.rows).flatMap((row) => count(row) ?? []),
  }))
  return { value: { findings, rows: count(record(answer.coverage).positions_checked) ?? 0 } }
}

function readEstimate(answer: JsonObject): Estimate {
  const queries = list(answer.queries).map(record)
  const sum = (key: string) => queries.reduce((all, query) => all + (count(query[key]) ?? 0), 0)
  const cost = record(answer.cost)
  const coverage = record(answer.coverage)
  const sent = Object.values(record(coverage.positions_sent)).flatMap((rows) => count(rows) ?? [])
  const parts = Object.values(record(answer.parts)).flatMap((one) => count(one) ?? [])
  return {
    queries: queries.length,
    parts: Math.max(1, ...parts),
    bytes: sum('prompt_bytes'),
    inputTokens: sum('input_tokens'),
    destinations: list(answer.destinations).map(record).map(readDestination),
    ...(isRecord(answer.cost)
      ? { cost: { atLeast: count(cost.at_least) ?? 0, atMost: count(cost.at_most), currency: text(cost.currency), complete: cost.complete === true } }
      : {}),
    ...(sent.length > 0 ? { rows: { sent: Math.min(...sent), total: count(coverage.positions_total) ?? 0 } } : {}),
  }
}

function readDestination(entry: JsonObject): Destination {
  const isMissing = entry.offered === false
  return { provider: text(entry.provider), host: text(entry.host), local: entry.local === true, model: text(entry.model), isMissing, closest: text(entry.closest) }
}

function readPanel(entry: JsonObject): PanelChoice {
  const name = text(entry.panel)
  const queries = list(entry.queries).map(record)
  const titles = new Map(queries.map((query) => [text(query.query), text(query.title)]))
  const asksDefault = queries.some(({ models }) => list(models).every((model) => text(model) === 'default'))
  return { name, title: text(entry.title) || name, isDefault: entry.default === true, checks: entry.checks === true, queries: [...titles.values()], asksDefault, modes: readModes(entry, titles) }
}

function readModes(entry: JsonObject, titles: ReadonlyMap<string, string>): readonly ModeChoice[] {
  const called = (queries: readonly string[]) => queries.map((query) => titles.get(query) ?? query)
  const named = list(entry.modes).map(record).map((mode) => ({ name: text(mode.mode), title: text(mode.title) || text(mode.mode), queries: called(list(mode.queries).map(text)) }))
  const all = entry.auto === true ? [...named, { name: 'auto', title: '', queries: [...titles.values()] }] : named
  const isDefault = ({ name }: ModeChoice) => name === entry.default_mode
  return [...all.filter(isDefault), ...all.filter((mode) => !isDefault(mode))]
}

function readProvider(entry: JsonObject): ProviderState {
  const endpoints = list(entry.endpoints).map(record)
  return {
    name: text(entry.name),
    state: text(entry.state),
    reason: text(endpoints.find((one) => text(one.reason) !== '')?.reason),
    hosts: endpoints.filter((one) => text(one.host) !== '').map((one) => ({ host: text(one.host), local: one.place === 'local' })),
    models: list(entry.models).map(text),
  }
}
