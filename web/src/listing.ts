/** The list of runs: reading it, keeping it in step with the server, and what people do with one. */

import { call } from './api'
import type { Answer } from './api'
import type { Cost, RunStatus } from './wire/event'
import type { Json, JsonObject } from './wire/json'
import { count, isRecord, list, record, text } from './wire/json'

const RUNS = '/api/v1/runs'

/** A run in the list. */
export interface Row {
  readonly id: string
  readonly status: RunStatus
  readonly panel: string
  readonly title: string
  readonly createdAt: string
  readonly totalMs?: number
  readonly successful?: number
  readonly executed?: number
  readonly cost?: Cost
  /** Its answers were written for an example. */
  readonly simulated: boolean
}

/** A part of the list, newest first. */
export interface Part {
  readonly rows: readonly Row[]
  /** Where the next part begins; absent at the end. */
  readonly next?: string
}

/** Which runs are wanted; what is empty is not asked for. */
export interface Filter {
  readonly status: string
  readonly panel: string
  readonly q: string
}

/** A part of the list, after the run `cursor`. */
export function listRuns(filter: Filter, cursor: string, limit: number): Promise<Answer<Part>> {
  const asked = new URLSearchParams({ limit: String(limit) })
  for (const [name, value] of Object.entries({ ...filter, cursor })) if (value !== '') asked.set(name, value)
  return call('GET', `${RUNS}?${asked}`, readPart)
}

/** Gives a run another title; an empty one brings back that of its question. */
export function rename(id: string, title: string): Promise<Answer<string>> {
  return call('PATCH', `${RUNS}/${id}`, (body) => ({ value: text(record(body).title) }), { body: JSON.stringify({ title }) })
}

/** Takes a run out of the list. There is no way back on the server: the page waits before it asks. */
export function hide(id: string): Promise<Answer<undefined>> {
  return call('DELETE', `${RUNS}/${id}`, () => ({ value: undefined }), { keepalive: true })
}

/** The names of the panels. */
export function listPanels(): Promise<Answer<readonly string[]>> {
  return call('GET', '/api/v1/panels', (body) => ({ value: list(record(body).panels).map((panel) => text(record(panel).name)) }))
}

/** Reads a part of the list; rows that are none are left out. */
export function readPart(body: Json | undefined): { value: Part } | undefined {
  if (!isRecord(body)) return undefined
  return { value: { rows: list(body.runs).filter(isRecord).map(readRow), next: text(body.next_cursor) || undefined } }
}

function readRow(row: JsonObject): Row {
  return {
    id: text(row.run_id),
    status: text(row.status) as RunStatus,
    panel: text(row.panel),
    title: text(row.title),
    createdAt: text(row.created_at),
    totalMs: count(row.total_time_ms),
    successful: count(row.queries_successful),
    executed: count(row.queries_executed),
    cost: isRecord(row.cost) ? (row.cost as JsonObject & Cost) : undefined,
    simulated: row.simulated === true,
  }
}

/**
 * The rows after `part` was read again from `cursor` on. Ids are ordered by
 * time, so the part says all there is between its ends: what it leaves out is
 * gone, what is new comes in, everything else stays where it is.
 */
export function withPart(known: readonly Row[], part: Part, cursor = ''): readonly Row[] {
  const last = part.rows[part.rows.length - 1]?.id ?? ''
  const newer = cursor === '' ? [] : known.filter((row) => row.id >= cursor)
  const older = part.next === undefined ? [] : known.filter((row) => row.id < last)
  return [...newer, ...part.rows, ...older]
}

/** Whether something will still happen to the run. */
export function isLive(row: Row): boolean {
  return row.status === 'queued' || row.status === 'running' || row.status === 'paused'
}

/**
 * From where on the list must be read to see the live rows that the first
 * `seen` rows do not show; nothing when there are none.
 */
export function cursorOfLive(rows: readonly Row[], seen: number): string | undefined {
  const at = rows.findIndex((row, index) => index >= seen && isLive(row))
  return at <= 0 ? undefined : rows[at - 1]?.id
}
