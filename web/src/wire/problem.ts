/** A refusal of the server (`contract.md`, section 9), and what `/health` answers. */

import type { Json } from './json'
import { count, isRecord, list, record, text } from './json'

export interface Problem {
  readonly status: number
  readonly code: string
  readonly title: string
  readonly detail: string
  readonly hint?: string
  readonly retryAfterMs?: number
  readonly errors: readonly { readonly pointer: string; readonly detail: string }[]
}

/** Reads a problem out of a refused answer, whatever its body is. */
export function readProblem(status: number, body: Json | undefined): Problem {
  const from = record(body)
  return {
    status,
    code: text(from.code) || `http_${status}`,
    title: text(from.title),
    detail: text(from.detail) || text(from.title) || `HTTP ${status}`,
    hint: text(from.hint) || undefined,
    retryAfterMs: typeof from.retry_after_ms === 'number' ? from.retry_after_ms : undefined,
    errors: list(from.errors).map((entry) => ({
      pointer: text(record(entry).pointer),
      detail: text(record(entry).detail),
    })),
  }
}

/** Where the words go when a run is started. */
export interface Health {
  readonly version: string
  readonly model: string
  /** The build of the page that the server has. */
  readonly page: string
  readonly activeRuns: number
  readonly readyProviders: number
  readonly configuredProviders: number
  readonly destinations: readonly { readonly provider: string; readonly host: string; readonly local: boolean }[]
}

/** Reads what `/health` says about models. */
export function readHealth(body: Json | undefined): Health {
  const from = record(body)
  const models = record(from.models)
  return {
    version: text(from.version),
    model: text(models.default) || 'rules',
    page: text(from.page),
    activeRuns: count(from.active_runs) ?? 0,
    readyProviders: count(record(from.providers).ready) ?? 0,
    configuredProviders: count(record(from.providers).configured) ?? 0,
    destinations: list(models.destinations)
      .filter(isRecord)
      .map((entry) => ({ provider: text(entry.provider), host: text(entry.host), local: entry.local === true })),
  }
}
