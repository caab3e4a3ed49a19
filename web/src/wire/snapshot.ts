/** `GET /api/v1/runs/{id}`: a run as it stands, also inline in the page at `/runs/{id}`. */

import type { JsonObject } from './json'
import type { Json } from './json'
import type { Cost, Failure, FinalResult, Finding, PlannedQuery, QueryStatus } from './event'
import type { Ruleset, RunStatus, Usage, Validation, Warning, WirePhase } from './event'

/** What was sent for a run besides the question. */
export interface AuditInput {
  readonly positions?: readonly JsonObject[]
  readonly specifications?: JsonObject
  /** In which the models are to answer. */
  readonly language?: string
}

export interface SnapshotQuery extends PlannedQuery {
  readonly status: QueryStatus
  readonly phase?: WirePhase
  readonly progress: number
  readonly attempt?: number
  readonly provider?: string
  readonly model?: string
  readonly started_ms?: number
  readonly time_ms?: number
  readonly attempts?: number
  readonly tokens_out?: number
  readonly sections?: readonly string[]
  readonly text?: string
  readonly usage?: Usage
  readonly cost?: Cost
  readonly result?: Json
  readonly partial_result?: JsonObject
  readonly error?: Failure
  readonly warnings?: readonly Warning[]
  readonly carried_over?: boolean
  readonly recovered?: boolean
}

/** What somebody decided about a finding. */
export interface Decision {
  readonly decision: 'fix' | 'accept' | 'dispute'
  readonly note?: string
  readonly at?: string
}

export interface Snapshot {
  readonly run_id: string
  readonly status: RunStatus
  readonly panel: string
  readonly panel_revision: string
  readonly title: string
  /** The run that this one retries, and the latest one that retries this one. */
  readonly retry_of?: string
  readonly retried_by?: string
  readonly question: string
  readonly input?: AuditInput
  readonly created_at: string
  readonly ended_at?: string
  readonly elapsed_ms: number
  readonly now?: string
  readonly simulated?: boolean
  readonly last_event_id?: string
  readonly on_disconnect?: string
  readonly timeouts?: { readonly run_ms: number }
  readonly checks?: {
    readonly time_ms: number
    readonly findings: readonly Finding[]
    readonly coverage?: JsonObject
    readonly ruleset?: Ruleset
  }
  readonly validation?: Validation
  readonly queries: readonly SnapshotQuery[]
  readonly warnings?: readonly Warning[]
  readonly result?: FinalResult
  /** By the ids of the findings. */
  readonly decisions?: Readonly<Record<string, Decision>>
}

/** Whether the value looks like a run's snapshot. */
export function isSnapshot(value: Json | undefined): value is Json & Snapshot {
  const candidate = value as Partial<Snapshot> | null | undefined
  return (
    typeof candidate === 'object' &&
    candidate !== null &&
    typeof candidate.run_id === 'string' &&
    typeof candidate.status === 'string' &&
    Array.isArray(candidate.queries)
  )
}
