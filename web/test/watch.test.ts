import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { watch } from '../src/stream'
import type { Link } from '../src/stream'
import { record, text } from '../src/wire/json'
import type { Json } from '../src/wire/json'

const block = (seq: number, name = 'query_progress') => `id: r.${seq}\nevent: ${name}\ndata: {"seq":${seq},"type":"${name}"}\n\n`

/** What a scripted server saw, and what the watcher was told. */
interface Seen {
  readonly cursors: (string | null)[]
  readonly events: number[]
  readonly links: Link['state'][]
  refused: string
  nothingMore: number
}

/** Watches a server that answers each request with the next of `answers`. */
function scripted(answers: readonly ((signal: AbortSignal) => Response)[]): Seen & { close: () => void } {
  const seen: Seen = { cursors: [], events: [], links: [], refused: '', nothingMore: 0 }
  let next = 0
  vi.stubGlobal('fetch', (_: string, init: RequestInit) => {
    seen.cursors.push(new Headers(init.headers).get('last-event-id'))
    const answer = answers[next]
    next += 1
    if (answer === undefined || !init.signal) return Promise.reject(new TypeError('refused'))
    return Promise.resolve(answer(init.signal))
  })
  const opened = watch('/events', {
    link: (link) => seen.links.push(link.state),
    event: (value: Json) => {
      seen.events.push(Number(record(value).seq))
      return text(record(value).type) === 'final_result'
    },
    nothingMore: () => (seen.nothingMore += 1),
    refused: (problem) => (seen.refused = problem.code),
  })
  return Object.assign(seen, { close: opened.close })
}

/** A stream that sends `pieces` and then ends, or stays silent. */
const stream = (pieces: readonly string[], after: 'end' | 'silence' = 'end') => (signal: AbortSignal) =>
  new Response(
    new ReadableStream<Uint8Array>({
      start(controller) {
        for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece))
        if (after === 'end') controller.close()
        else signal.addEventListener('abort', () => controller.error(new Error('aborted')))
      },
    }),
    { status: 200 },
  )

const refusal = (status: number, code: string) => () => new Response(JSON.stringify({ code, detail: code }), { status })

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('window', new EventTarget())
  vi.stubGlobal('navigator', { onLine: true })
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('a watched stream', () => {
  it('ends at the final result, with one request', async () => {
    const seen = scripted([stream([block(1), block(2, 'final_result')])])
    await vi.advanceTimersByTimeAsync(60_000)
    expect([seen.cursors, seen.events]).toEqual([[null], [1, 2]])
    expect(seen.links).toEqual(['connecting', 'live', 'ended'])
  })

  it('resumes after the last whole event when it is cut in the middle of one', async () => {
    const seen = scripted([stream([block(1), block(2).slice(0, 20)]), stream([block(2), block(3, 'final_result')])])
    await vi.advanceTimersByTimeAsync(600)
    expect([seen.cursors, seen.events]).toEqual([[null, 'r.1'], [1, 2, 3]])
    expect(seen.links).toEqual(['connecting', 'live', 'reconnecting', 'live', 'ended'])
  })

  it('takes nine seconds without a byte for dead, and a heartbeat for life', async () => {
    const seen = scripted([stream([block(1), ': keep-alive\n'], 'silence'), stream([block(2, 'final_result')])])
    await vi.advanceTimersByTimeAsync(8_900)
    expect(seen.cursors).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(700)
    expect(seen.cursors).toEqual([null, 'r.1'])
  })

  it('waits as long as a closing server asks', async () => {
    const seen = scripted([stream([block(1), 'event: stream_closing\nretry: 3000\ndata: {"reason":"max_age"}\n\n'])])
    await vi.advanceTimersByTimeAsync(2900)
    expect(seen.cursors).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(200)
    expect(seen.cursors).toHaveLength(2)
    seen.close()
  })

  it('is offline after ten seconds of trying, and stops trying when it is closed', async () => {
    const seen = scripted([])
    await vi.advanceTimersByTimeAsync(20_000)
    expect(seen.links.at(-1)).toBe('offline')
    seen.close()
    const tried = seen.cursors.length
    await vi.advanceTimersByTimeAsync(60_000)
    expect(seen.cursors).toHaveLength(tried)
  })

  it('stops at 204, 404 and 410, and drops a cursor that does not fit', async () => {
    const nothing = scripted([() => new Response(null, { status: 204 })])
    await vi.advanceTimersByTimeAsync(10)
    expect([nothing.nothingMore, nothing.links.at(-1)]).toEqual([1, 'ended'])
    const gone = scripted([refusal(410, 'run_expired')])
    await vi.advanceTimersByTimeAsync(10)
    expect([gone.refused, gone.links.at(-1)]).toEqual(['run_expired', 'ended'])
    const ahead = scripted([stream([block(1)]), refusal(409, 'cursor_ahead'), stream([block(1), block(2, 'final_result')])])
    await vi.advanceTimersByTimeAsync(3000)
    expect(ahead.cursors).toEqual([null, 'r.1', null])
  })
})
