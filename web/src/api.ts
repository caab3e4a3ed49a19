/** The server's endpoints that answer with one document. */

import type { FinalResult } from './wire/event'
import type { Json } from './wire/json'
import { isRecord, parse } from './wire/json'
import { readHealth, readProblem } from './wire/problem'
import type { Health, Problem } from './wire/problem'
import { isSnapshot } from './wire/snapshot'
import type { AuditInput, Snapshot } from './wire/snapshot'
import { say } from './words'

/** What came back: a value, or the reason why not. */
export type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem }

/** What is asked. */
export interface NewRun {
  readonly panel: string
  readonly question: string
  readonly input: AuditInput
  /** The real engine over the scripted provider. */
  readonly simulated?: boolean
}

const RUNS = '/api/v1/runs'

/** Makes a run in the background; it does not end with this page. */
export function createRun(run: NewRun): Promise<Answer<Snapshot>> {
  const options = run.simulated ? { on_disconnect: 'continue', model: 'scripted' } : { on_disconnect: 'continue' }
  const body = JSON.stringify({ panel: run.panel, question: run.question, input: run.input, options })
  return call('POST', RUNS, readSnapshot, { body })
}

/** A run as it stands. */
export function getRun(id: string): Promise<Answer<Snapshot>> {
  return call('GET', runPath(id), readSnapshot)
}

/** Asks the server to cancel a run; asking twice changes nothing. */
export function cancelRun(id: string): Promise<Answer<undefined>> {
  return call('POST', `${runPath(id)}/cancel`, () => ({ value: undefined }))
}

/** The whole final result of a run that has ended. */
export function getResult(id: string): Promise<Answer<FinalResult>> {
  return call('GET', resultPath(id), (body) =>
    isRecord(body) && body.type === 'final_result' ? { value: body as Json & FinalResult } : undefined,
  )
}

/** Which models answer by default, and where they are. */
export function getHealth(): Promise<Answer<Health>> {
  return call('GET', '/health', (body) => ({ value: readHealth(body) }))
}

/** Where a run's events are. */
export function eventsPath(id: string): string {
  return `${runPath(id)}/events?deltas=true`
}

/** Where a run's result is. */
export function resultPath(id: string): string {
  return `${runPath(id)}/result`
}

function runPath(id: string): string {
  return `${RUNS}/${encodeURIComponent(id)}`
}

function readSnapshot(body: Json | undefined): { value: Snapshot } | undefined {
  return isSnapshot(body) ? { value: body } : undefined
}

/** What goes with a request. */
interface Sent {
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Asks for one document; whatever goes wrong becomes a problem with a sentence. */
export async function call<T>(
  method: 'GET' | 'POST',
  path: string,
  read: (body: Json | undefined) => { value: T } | undefined,
  { body, headers }: Sent = {},
): Promise<Answer<T>> {
  try {
    const all: Record<string, string> = { accept: 'application/json', ...headers }
    if (body !== undefined) all['content-type'] = 'application/json'
    const answer = await fetch(path, { method, headers: all, body, cache: 'no-store' })
    const json = parse(await answer.text())
    if (!answer.ok) return { ok: false, problem: readProblem(answer.status, json) }
    const found = read(json)
    if (found) return { ok: true, value: found.value }
    return { ok: false, problem: readProblem(answer.status, { code: 'unreadable', detail: say('problem.unreadable') }) }
  } catch {
    return { ok: false, problem: readProblem(0, { code: 'unreachable', detail: say('problem.unreachable') }) }
  }
}
