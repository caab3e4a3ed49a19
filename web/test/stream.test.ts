import { describe, expect, it } from 'vitest'
import { Blocks, delayBefore } from '../src/stream'
import type { Block } from '../src/stream'

const STREAM = [
  'id: run_a.1\nevent: run_started\nretry: 2000\ndata: {"seq":1}\n\n',
  ': keep-alive\n',
  'id: run_a.2\nevent: query_delta\ndata: {"text":"pH 6.2 \u00d8 \\u2028"}\n\n',
  ': keep-alive\n',
  ': keep-alive\n',
  'event: stream_closing\nretry: 750\ndata: {"reason":"max_age"}\n\n',
].join('')

const EXPECTED: readonly Block[] = [
  { id: 'run_a.1', event: 'run_started', data: '{"seq":1}', retry: 2000 },
  { id: 'run_a.2', event: 'query_delta', data: '{"text":"pH 6.2 \u00d8 \\u2028"}', retry: undefined },
  { id: 'run_a.2', event: 'stream_closing', data: '{"reason":"max_age"}', retry: 750 },
]

const read = (pieces: readonly string[]): readonly Block[] => {
  const blocks = new Blocks()
  return pieces.flatMap((piece) => blocks.push(piece))
}

describe('blocks of a stream', () => {
  it('are found whole, and heartbeats are invisible', () => {
    expect(read([STREAM])).toEqual(EXPECTED)
  })

  for (const [name, text] of [['LF', STREAM], ['CRLF', STREAM.replaceAll('\n', '\r\n')], ['CR', STREAM.replaceAll('\n', '\r')]] as const) {
    it(`are the same wherever the text is cut (${name})`, () => {
      for (let at = 0; at <= text.length; at += 1) expect(read([text.slice(0, at), text.slice(at)])).toEqual(EXPECTED)
      expect(read([...text])).toEqual(EXPECTED)
    })
  }

  it('are the same wherever the bytes are cut', () => {
    const bytes = new TextEncoder().encode(STREAM)
    for (let at = 0; at <= bytes.length; at += 1) {
      const decoder = new TextDecoder()
      const pieces = [bytes.slice(0, at), bytes.slice(at)].map((part) => decoder.decode(part, { stream: true }))
      expect(read(pieces)).toEqual(EXPECTED)
    }
  })

  it('do not end in the middle: an unfinished block is not handed on', () => {
    expect(read(['id: x.1\nevent: e\ndata: {}\n'])).toEqual([])
  })

  it('join several data lines and take fields without a space', () => {
    expect(read(['data:a\ndata: b\n\n'])).toEqual([{ id: '', event: 'message', data: 'a\nb', retry: undefined }])
  })

  it('ignore blocks without data and unknown fields', () => {
    expect(read(['event: x\n\nfoo: bar\ndata\n\n'])).toEqual([{ id: '', event: 'message', data: '', retry: undefined }])
  })

  it('are bounded', () => {
    expect(() => read(['data: ' + 'x'.repeat(9 * 1024 * 1024)])).toThrow()
  })
})

describe('the wait before the next try', () => {
  it('doubles from half a second to eight, with jitter below', () => {
    expect([0, 1, 2, 3, 4, 5, 50].map((tries) => delayBefore(tries, 1))).toEqual([500, 1000, 2000, 4000, 8000, 8000, 8000])
    expect(delayBefore(0, 0)).toBe(375)
  })
})
