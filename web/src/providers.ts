/** The providers as the server sees them: one row for each address that is asked. */

import { call } from './api'
import type { Answer } from './api'
import type { Json, JsonObject } from './wire/json'
import { count, isRecord, list, record, text } from './wire/json'

/** Two quantiles of times. */
export interface Times {
  readonly p50: number
  readonly p95: number
}

/** An address of a provider. */
export interface Endpoint {
  readonly name: string
  readonly provider: string
  readonly models: readonly string[]
  readonly place: string
  readonly host: string
  readonly state: string
  /** The variable or file that a key is missing from. */
  readonly missing: string
  readonly reason: string
  readonly until: string
  readonly inFlight: number
  readonly most?: number
  readonly waiting: number
  readonly calls: number
  readonly success?: number
  readonly first?: Times
  readonly total?: Times
  readonly failures: number
  readonly threshold: number
  readonly failedAt: string
}

/** What a call by hand found out. */
export interface Trial {
  readonly ok: boolean
  readonly ms: number
  readonly model: string
  readonly message: string
}

/** All providers, with their breakers. */
export async function readProviders(): Promise<Answer<readonly Endpoint[]>> {
  const [providers, breakers] = await Promise.all([
    call('GET', '/api/v1/providers', (body) => ({ value: body })),
    call('GET', '/api/circuit-breakers/status', (body) => ({ value: body })),
  ])
  if (!providers.ok) return providers
  return { ok: true, value: endpoints(providers.value, breakers.ok ? breakers.value : undefined) }
}

/** One small call to a provider, now. */
export function test(name: string): Promise<Answer<Trial>> {
  return call('POST', `/api/v1/providers/${encodeURIComponent(name)}/test`, (body) => {
    const said = record(body)
    const value = { ok: said.ok === true, ms: count(said.ms) ?? 0, model: text(said.model), message: text(record(said.error).message) }
    return { value }
  })
}

/** Closes a breaker by hand, so that the provider is asked again. */
export function reset(name: string): Promise<Answer<undefined>> {
  return call('POST', `/api/circuit-breakers/${encodeURIComponent(name)}/reset`, () => ({ value: undefined }))
}

/** The rows of both answers. */
export function endpoints(providers: Json | undefined, breakers: Json | undefined): readonly Endpoint[] {
  const known = record(record(breakers).breakers)
  return list(record(providers).providers)
    .filter(isRecord)
    .flatMap((provider) => list(provider.endpoints).filter(isRecord).map((endpoint) => readEndpoint(provider, endpoint, record(known[text(endpoint.name)]))))
}

function readEndpoint(provider: JsonObject, endpoint: JsonObject, breaker: JsonObject): Endpoint {
  return {
    name: text(endpoint.name),
    provider: text(provider.name),
    models: list(provider.models).map(text),
    place: text(endpoint.place),
    host: text(endpoint.host),
    state: text(endpoint.state),
    missing: text(endpoint.missing),
    reason: text(endpoint.reason),
    until: text(endpoint.until),
    inFlight: count(endpoint.in_flight) ?? 0,
    most: count(endpoint.max_in_flight),
    waiting: count(endpoint.waiting) ?? 0,
    calls: count(endpoint.calls) ?? 0,
    success: count(endpoint.success_share),
    first: times(endpoint.first_content),
    total: times(endpoint.total),
    failures: count(breaker.failure_count) ?? 0,
    threshold: count(breaker.failure_threshold) ?? 0,
    failedAt: text(breaker.last_failure_at),
  }
}

function times(value: Json | undefined): Times | undefined {
  const { p50_ms, p95_ms } = record(value)
  const [p50, p95] = [count(p50_ms), count(p95_ms)]
  return p50 === undefined || p95 === undefined ? undefined : { p50, p95 }
}
