import { describe, expect, it } from 'vitest'
import { fromSnapshot } from '../src/run'
import { bytesOf, elapsedOf, items, queryOf, reproduce, WAYS } from '../src/frames'
import type { FrameFilter } from '../src/frames'
import type { Line } from '../src/tape'
import type { Frame } from '../src/stream'

const frame = (seq: number, event: string, query = 'a'): Frame => ({ id: `run_1.${seq}`, event, via: 'stream', data: `{"type":"${event}","seq":${seq},"elapsed_ms":12.5,"query":"${query}","text":"x \\u2028"}` })
const ALL: FrameFilter = { event: '', query: '', words: '', deltas: false }
const lines = (...frames: readonly Frame[]): readonly Line[] => frames.map((one, number) => ({ number, at: number, frame: one }))
const drawn = (tape: readonly Line[], filter: FrameFilter): readonly string[] => items(tape, filter).map((item) => (item.kind === 'folded' ? `+${item.count}` : (item.line.mark ?? item.line.frame?.event ?? '')))

describe('the lines of the events tab', () => {
  const tape: readonly Line[] = [
    ...lines(frame(1, 'run_started'), frame(2, 'query_delta'), frame(3, 'query_delta', 'b')),
    { number: 3, at: 3, mark: 'reconnecting' },
    ...lines(frame(4, 'query_delta'), frame(5, 'final_result')),
  ]

  it('fold pieces of text, but never over a break of the connection', () => {
    expect(drawn(tape, ALL)).toEqual(['run_started', '+2', 'reconnecting', '+1', 'final_result'])
    expect(drawn(tape, { ...ALL, deltas: true })).toHaveLength(6)
    expect(drawn(tape, { ...ALL, event: 'query_delta' })).toEqual(['query_delta', 'query_delta', 'reconnecting', 'query_delta'])
  })

  it('are filtered by query and words', () => {
    expect(drawn(tape, { ...ALL, query: 'b' })).toEqual(['+1', 'reconnecting'])
    expect(drawn(tape, { ...ALL, words: 'final' })).toEqual(['reconnecting', 'final_result'])
  })

  it('know the query and the time without reading the whole', () => {
    expect([queryOf(frame(1, 'x', 'risks')), elapsedOf(frame(1, 'x'))]).toEqual(['risks', 12.5])
    expect([queryOf({ ...frame(1, 'x'), data: '{}' }), elapsedOf({ ...frame(1, 'x'), data: '{}' })]).toEqual(['', undefined])
  })

  it('give back the very bytes of a frame', () => {
    expect(bytesOf({ ...frame(7, 'query_delta'), retry: 2000 })).toBe(`id: run_1.7\nevent: query_delta\nretry: 2000\ndata: ${frame(7, 'query_delta').data}\n\n`)
    expect(bytesOf({ id: 'run_1.7', event: 'stream_closing', data: '{"reason":"max_age"}', via: 'stream' })).toBe('event: stream_closing\ndata: {"reason":"max_age"}\n\n')
  })
})

describe('the ways to reproduce a stream', () => {
  const run = fromSnapshot({ run_id: 'run_1', status: 'completed', panel: 'audit', panel_revision: '1', title: '', question: "The engineer's slab\nASK", created_at: '', elapsed_ms: 0, queries: [] })

  it('go on at the frame that was chosen', () => {
    expect(reproduce('curl_from', 'http://h/audit', run, 41)).toBe("curl -N 'http://h/audit/api/v1/runs/run_1/events?deltas=true' -H 'Last-Event-ID: run_1.40'")
    expect(reproduce('curl_from', 'http://h', run, 1)).toBe(reproduce('curl', 'http://h', run, 9))
  })

  it('ask the same again with the command line, whatever the words are', () => {
    const [first, body, last, ...more] = reproduce('cli', 'http://h', run, 2).split('\n')
    expect([first, last, more]).toEqual(["askstream ask -f - <<'ASK'", 'ASK', []])
    expect(JSON.parse(body ?? '')).toEqual({ panel: 'audit', question: run.question, input: {} })
  })

  it('never carry a secret', () => {
    for (const way of WAYS) expect(reproduce(way, 'http://h', run, 2)).not.toMatch(/authorization|token|cookie/i)
  })
})
