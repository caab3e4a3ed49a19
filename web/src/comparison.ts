/** Two ended runs as the server sets them side by side. */

import { call } from './api'
import type { Answer } from './api'
import type { Cost, Finding, RunStatus } from './wire/event'
import { count, isRecord, list, record, text } from './wire/json'
import type { Json, JsonObject } from './wire/json'

/** One of the two runs. */
export interface Side {
  readonly id: string
  readonly title: string
  readonly createdAt: string
  readonly status: RunStatus
  readonly panel: string
  readonly verdict: string
  readonly ruleset: string
  readonly totalMs?: number
  readonly executed?: number
  readonly successful?: number
  readonly tokens?: number
  readonly cost?: Cost
  /** Of each query, in milliseconds. */
  readonly times: Readonly<Record<string, number | undefined>>
}

/** A finding of both runs, and what the first one said otherwise. */
export type Kept = Finding & { readonly before: JsonObject }

/** What became of the findings between two runs. */
export interface Compared {
  readonly a: Side
  readonly b: Side
  /** Only in the second. */
  readonly fresh: readonly Finding[]
  /** Only in the first. */
  readonly resolved: readonly Finding[]
  readonly unchanged: readonly Kept[]
}

/** Asks for both runs side by side. */
export function compareRuns(a: string, b: string): Promise<Answer<Compared>> {
  const asked = new URLSearchParams(Object.entries({ a, b }).filter(([, id]) => id !== ''))
  return call('GET', `/api/v1/runs/compare?${asked}`, readCompared)
}

/** Reads what the server answers. */
export function readCompared(body: Json | undefined): { value: Compared } | undefined {
  if (!isRecord(body) || !isRecord(body.a) || !isRecord(body.b)) return undefined
  return {
    value: {
      a: readSide(body.a),
      b: readSide(body.b),
      fresh: list(body.new).filter(isRecord).map(readFinding),
      resolved: list(body.resolved).filter(isRecord).map(readFinding),
      unchanged: list(body.unchanged).filter(isRecord).map((one) => ({ ...readFinding(one), before: record(one.before) })),
    },
  }
}

function readSide(side: JsonObject): Side {
  const took = record(side.performance)
  const ruleset = record(side.ruleset)
  return {
    id: text(side.run_id),
    title: text(side.title),
    createdAt: text(side.created_at),
    status: text(side.status) as RunStatus,
    panel: text(side.panel),
    verdict: text(record(side.verdict).word),
    ruleset: [text(ruleset.name), text(ruleset.edition)].filter(Boolean).join(' '),
    totalMs: count(took.total_time_ms),
    executed: count(took.queries_executed),
    successful: count(took.queries_successful),
    tokens: count(took.tokens_total),
    cost: isRecord(took.cost) ? (took.cost as JsonObject & Cost) : undefined,
    times: Object.fromEntries(Object.entries(record(took.query_times)).map(([query, time]) => [query, count(time)])),
  }
}

function readFinding(one: JsonObject): Finding {
  return {
    rule: text(one.rule),
    severity: text(one.severity),
    message: text(one.message),
    rows: list(one.rows).flatMap((row) => count(row) ?? []),
  }
}
