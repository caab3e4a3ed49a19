/** The server's endpoints that answer with one document. */

import { at } from './base'
import type { FinalResult } from './wire/event'
import type { Json } from './wire/json'
import { isRecord, parse } from './wire/json'
import { readHealth, readProblem } from './wire/problem'
import type { Health, Problem } from './wire/problem'
import { isSnapshot } from './wire/snapshot'
import type { Snapshot } from './wire/snapshot'
import { say } from './words'

/** What came back: a value, or the reason why not. */
export type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem }

const RUNS = '/api/v1/runs'

/** A run as it stands. */
export function getRun(id: string): Promise<Answer<Snapshot>> {
  return call('GET', runPath(id), readSnapshot)
}

/** What a run can be told; `finish` ends it with what is there. */
export type Order = 'cancel' | 'pause' | 'resume' | 'finish'

/** Gives an order; giving it twice changes nothing. */
export function orderRun(id: string, order: Order): Promise<Answer<undefined>> {
  return call('POST', `${runPath(id)}/${order}`, () => ({ value: undefined }))
}

/** Cancels one query; the rest of the run goes on. */
export function cancelQuery(id: string, query: string): Promise<Answer<undefined>> {
  return call('POST', `${runPath(id)}/queries/${encodeURIComponent(query)}/cancel`, () => ({ value: undefined }))
}

/** Asks in a linked run what did not succeed in this one. */
export function retryRun(id: string): Promise<Answer<Snapshot>> {
  return call('POST', `${runPath(id)}/retry`, readSnapshot)
}

/** The whole final result of a run that has ended. */
export function getResult(id: string): Promise<Answer<FinalResult>> {
  return call('GET', `${runPath(id)}/result`, (body) =>
    isRecord(body) && body.type === 'final_result' ? { value: body as Json & FinalResult } : undefined,
  )
}

/** Which models answer by default, and where they are. */
export function getHealth(): Promise<Answer<Health>> {
  return call('GET', '/health', (body) => ({ value: readHealth(body) }))
}

/** Where a run's events are. */
export function eventsPath(id: string): string {
  return at(`${runPath(id)}/events?deltas=true`)
}

/** A page of a run's events as one document, after `cursor`. */
export function eventsPage(id: string, cursor: string): string {
  const after = cursor === '' ? '' : `&last_event_id=${encodeURIComponent(cursor)}`
  return `${runPath(id)}/events?deltas=true${after}`
}

/** Where a run's report is as a file; `form` is the query that says which. */
export function exportPath(id: string, form: string): string {
  return at(`${runPath(id)}/export?${form}`)
}

function runPath(id: string): string {
  return `${RUNS}/${encodeURIComponent(id)}`
}

function readSnapshot(body: Json | undefined): { value: Snapshot } | undefined {
  return isSnapshot(body) ? { value: body } : undefined
}

/** What goes with a request. */
interface Sent {
  /** JSON, unless the headers say otherwise. */
  readonly body?: string | ArrayBuffer
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  /** Whether it may outlive the page. */
  readonly keepalive?: boolean
}

/** Asks for one document; whatever goes wrong becomes a problem with a sentence. */
export async function call<T>(
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  read: (body: Json | undefined) => { value: T } | undefined,
  { body, headers, signal, keepalive }: Sent = {},
): Promise<Answer<T>> {
  try {
    const kind: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' }
    const all = { accept: 'application/json', ...kind, ...headers }
    const answer = await fetch(at(path), { method, headers: all, body, cache: 'no-store', signal, keepalive })
    const json = parse(await answer.text())
    if (!answer.ok) return { ok: false, problem: readProblem(answer.status, json) }
    const found = read(json)
    if (found) return { ok: true, value: found.value }
    return { ok: false, problem: readProblem(answer.status, { code: 'unreadable', detail: say('problem.unreadable') }) }
  } catch {
    return { ok: false, problem: readProblem(0, { code: 'unreachable', detail: say('problem.unreachable') }) }
  }
}
