import { describe, expect, it } from 'vitest'
import { MOST_CHARS, MOST_LINES, Tape } from '../src/tape'
import type { Frame } from '../src/stream'

const frame = (data: string): Frame => ({ id: 'r.1', event: 'query_delta', data, via: 'stream' })

describe('the tape', () => {
  it('keeps the newest lines and counts the others', () => {
    const tape = new Tape()
    for (let n = 0; n < MOST_LINES * 3; n += 1) tape.take(frame(String(n)), n)
    const lines = tape.lines()
    expect([lines.length, tape.frames, tape.dropped]).toEqual([MOST_LINES, MOST_LINES * 3, MOST_LINES * 2])
    expect([lines[0]?.number, lines.at(-1)?.number]).toEqual([MOST_LINES * 2, MOST_LINES * 3 - 1])
  })

  it('is bounded in size as well, but shows a frame that is larger than everything', () => {
    const tape = new Tape()
    for (let n = 0; n < 20; n += 1) tape.take(frame('x'.repeat(MOST_CHARS / 10)), n)
    expect(tape.lines()).toHaveLength(10)
    tape.take(frame('x'.repeat(MOST_CHARS + 1)), 21)
    expect(tape.lines()).toHaveLength(1)
  })

  it('knows the last id, whatever has left it', () => {
    const tape = new Tape()
    tape.take({ ...frame('1'), id: 'r.41' }, 1)
    tape.take({ ...frame('2'), id: '', event: 'heartbeat' }, 2)
    expect(tape.lastId).toBe('r.41')
  })

  it('marks each change of the connection once', () => {
    const tape = new Tape()
    const lost = { state: 'reconnecting', since: 0, nextAt: 0 } as const
    for (const link of [{ state: 'connecting' }, { state: 'live', via: 'stream' }, { state: 'live' }, lost, lost, { state: 'live', via: 'tab' }, { state: 'live', via: 'journal' }] as const) tape.mark(link, 1)
    expect(tape.lines().map((line) => line.mark)).toEqual(['connecting', 'live', 'reconnecting', 'shared', 'paged'])
  })
})
