/** The events of a run, as `contract.md`, section 6, promises them. */

import type { Json, JsonObject } from './json'
import { isRecord } from './json'

/** Why an attempt or a query did not succeed. */
export interface Failure {
  readonly code: string
  readonly message: string
  readonly retryable?: boolean
  readonly provider?: string
  readonly http_status?: number
  readonly which?: string
  readonly limit_ms?: number
  readonly provider_message?: string
  readonly hint?: string
}

export interface Usage {
  readonly input_tokens?: number
  readonly output_tokens?: number
  readonly total_tokens?: number
  readonly estimated?: boolean
}

export interface Cost {
  readonly amount: number
  readonly currency: string
  readonly complete: boolean
  /** Whether tokens that have a price were estimated. */
  readonly estimated?: boolean
}

/** Who answers: one provider's model. */
export interface Target {
  readonly provider: string
  readonly model: string
}

/** One result of the checks without AI. */
export interface Finding {
  readonly id?: string
  readonly rule: string
  readonly severity: string
  readonly positions?: readonly (number | string)[]
  readonly rows?: readonly number[]
  readonly found?: Json
  readonly expected?: Json
  readonly formula?: string
  readonly message: string
  readonly source?: string
  readonly doubt?: string
}

export interface Ruleset {
  readonly name: string
  readonly edition?: string
  readonly source?: string
}

export interface PlannedQuery {
  readonly query: string
  readonly title: string
  readonly icon?: string
  readonly role?: string
  readonly of?: string
  readonly depends_on: readonly string[]
  readonly after?: readonly string[]
  readonly models: readonly string[]
  readonly timeout_ms: number
  /** Which part of a query of the panel it is, where a bill is longer than a prompt; rows count from 0. */
  readonly part?: {
    readonly of: string
    readonly number: number
    readonly count: number
    readonly first_row: number
    readonly last_row: number
  }
}

/** In which mode a panel is asked, and why. */
export interface Validation {
  readonly mode: string
  readonly title: string
  readonly chosen_by: string
  readonly reasons: readonly string[]
}

/** What a merge or a query wants the reader to know. */
export interface Warning {
  readonly code?: string
  readonly message: string
  readonly severity?: string
  readonly source?: string
  readonly query?: string
}

export type QueryStatus = 'pending' | 'running' | 'succeeded' | 'failed' | 'skipped' | 'cancelled'
export type RunStatus = 'queued' | 'running' | 'paused' | 'completed' | 'partial' | 'failed' | 'cancelled'
export type WirePhase = 'queued' | 'connecting' | 'waiting' | 'streaming' | 'validating'

interface Numbered<T extends string> {
  readonly type: T
  readonly run_id: string
  readonly seq: number
  readonly at: string
  readonly elapsed_ms: number
  readonly simulated?: boolean
}

export interface RunStarted extends Numbered<'run_started'> {
  readonly panel: string
  readonly panel_revision: string
  readonly api_version: number | string
  readonly queries: readonly PlannedQuery[]
  readonly validation?: Validation
  readonly timeouts: { readonly run_ms: number }
  readonly on_disconnect: string
  readonly links: Readonly<Record<string, string>>
  readonly retry_of?: string
  readonly queued?: boolean
}

export interface ChecksCompleted extends Numbered<'checks_completed'> {
  readonly time_ms: number
  readonly findings: readonly Finding[]
  readonly coverage?: JsonObject
  readonly ruleset?: Ruleset
}

export interface PassagesFound extends Numbered<'passages_found'> {
  readonly passages: readonly Json[]
}

export interface QueryStarted extends Numbered<'query_started'> {
  readonly query: string
  readonly provider: string
  readonly model: string
  readonly attempt: number
  readonly queued_ms: number
}

export interface QueryProgress extends Numbered<'query_progress'> {
  readonly query: string
  readonly progress: number
  readonly phase: WirePhase
  readonly ahead?: number
  readonly tokens_out?: number
  readonly sections?: readonly string[]
  readonly attempt?: number
}

export interface QueryDelta extends Numbered<'query_delta'> {
  readonly query: string
  readonly attempt: number
  readonly offset: number
  readonly text: string
}

export interface QueryRetrying extends Numbered<'query_retrying'> {
  readonly query: string
  readonly attempt: number
  readonly reason: Failure
  readonly delay_ms: number
  readonly from: Target
  readonly to: Target
  readonly discarded: number
  /** Of the attempt that was given up, if it was billed. */
  readonly usage?: Usage
  readonly cost?: Cost
}

export interface QueryCompleted extends Numbered<'query_completed'> {
  readonly query: string
  readonly status: 'succeeded' | 'failed' | 'skipped' | 'cancelled'
  readonly time_ms: number
  readonly attempts: number
  readonly provider?: string
  readonly model?: string
  readonly usage?: Usage
  readonly cost?: Cost
  readonly result?: Json
  /** The complete parts of an answer that was cut: unchecked, and no answer. */
  readonly partial_result?: { readonly [part: string]: Json }
  readonly error?: Failure
  readonly warnings?: readonly Warning[]
  /** The answer is that of the run which this one retries. */
  readonly carried_over?: boolean
  /** An attempt was lost with the server's process. */
  readonly recovered?: boolean
}

export interface RunWarning extends Numbered<'run_warning'> {
  readonly code: string
  readonly message: string
  readonly query?: string
}

export interface RunPaused extends Numbered<'run_paused'> {
  readonly by: string
}

export interface RunResumed extends Numbered<'run_resumed'> {
  readonly by: string
}

/** How the run ended; the keys of a flattened result stand beside these. */
export interface FinalResult extends Numbered<'final_result'> {
  readonly terminal: true
  readonly status: 'completed' | 'partial' | 'failed' | 'cancelled'
  readonly panel: string
  readonly reason?: string
  readonly error?: Failure
  readonly findings_only?: boolean
  readonly warnings?: readonly Warning[]
  readonly performance?: Performance
  readonly queries?: Readonly<Record<string, QuerySummary>>
  readonly result?: Json
  readonly result_ref?: string
  readonly result_truncated?: boolean
}

export interface Performance {
  readonly total_time_ms: number
  readonly query_times: Readonly<Record<string, number>>
  readonly parallel_efficiency?: number
  readonly tokens_total?: number
  readonly queries_executed: number
  readonly queries_successful: number
  readonly queries_failed: number
  readonly queries_cancelled?: number
  readonly queries_skipped?: number
  readonly cost?: Cost
}

export interface QuerySummary {
  readonly status: QueryStatus
  readonly time_ms?: number
  readonly provider?: string
  readonly model?: string
  readonly error?: { readonly code: string; readonly message?: string }
}

/** A numbered event of the journal. */
export type RunEvent =
  | RunStarted
  | ChecksCompleted
  | PassagesFound
  | QueryStarted
  | QueryProgress
  | QueryDelta
  | QueryRetrying
  | QueryCompleted
  | RunWarning
  | RunPaused
  | RunResumed
  | FinalResult

const KNOWN: ReadonlySet<string> = new Set<RunEvent['type']>([
  'run_started',
  'checks_completed',
  'passages_found',
  'query_started',
  'query_progress',
  'query_delta',
  'query_retrying',
  'query_completed',
  'run_warning',
  'run_paused',
  'run_resumed',
  'final_result',
])

/** Whether the value is a numbered event that this page knows; others are ignored. */
export function isRunEvent(value: Json | undefined): value is Json & RunEvent {
  return (
    isRecord(value) &&
    typeof value.type === 'string' &&
    KNOWN.has(value.type) &&
    typeof value.seq === 'number' &&
    typeof value.elapsed_ms === 'number'
  )
}
