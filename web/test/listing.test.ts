import { describe, expect, it } from 'vitest'
import { cursorOfLive, readPart, withPart } from '../src/listing'
import type { Part, Row } from '../src/listing'
import { stretch } from '../src/views/window'

const row = (id: number, status: Row['status'] = 'completed'): Row => ({ id: `run_${String(id).padStart(4, '0')}`, status, panel: 'p', title: '', createdAt: '', simulated: false })
const part = (ids: readonly number[], next?: number): Part => ({ rows: ids.map((id) => row(id)), next: next === undefined ? undefined : row(next).id })
const ids = (rows: readonly Row[]): readonly number[] => rows.map(({ id }) => Number(id.slice(4)))

describe('the list of runs', () => {
  it('takes new runs in front and lets go of what the server no longer lists', () => {
    const known = [9, 8, 7, 6, 5, 4].map((id) => row(id))
    expect(ids(withPart(known, part([10, 9, 7], 7)))).toEqual([10, 9, 7, 6, 5, 4])
    expect(ids(withPart(known, part([10, 4])))).toEqual([10, 4])
    expect(ids(withPart(known, part([])))).toEqual([])
  })

  it('goes on at its end, and changes in the middle', () => {
    const known = [9, 8, 7, 6, 5, 4].map((id) => row(id))
    expect(ids(withPart(known, part([3, 2], 2), row(4).id))).toEqual([9, 8, 7, 6, 5, 4, 3, 2])
    expect(ids(withPart(known, part([6, 5], 5), row(8).id))).toEqual([9, 8, 6, 5, 4])
  })

  it('knows from where older live runs are read again', () => {
    const rows = [row(9, 'running'), row(8), row(7), row(6, 'paused')]
    expect(cursorOfLive(rows, 2)).toBe(row(7).id)
    expect(cursorOfLive(rows, 4)).toBeUndefined()
    expect(cursorOfLive(rows.slice(0, 3), 2)).toBeUndefined()
  })

  it('reads what is there and survives what is not', () => {
    expect(readPart(undefined)).toBeUndefined()
    expect(readPart({ runs: [3, { run_id: 'run_1', status: 'failed', simulated: true }] })?.value.rows).toMatchObject([{ id: 'run_1', status: 'failed', totalMs: undefined, simulated: true }])
  })
})

describe('the drawn stretch of a long list', () => {
  it('covers what is seen, and leaves room for the rest', () => {
    for (const top of [-500, 0, 1, 3599, 100_000, 1e9]) {
      const { from, to, above, below } = stretch(10_000, 36, top, top + 900)
      expect(to - from).toBeLessThanOrEqual(50)
      expect(above + (to - from) * 36 + below).toBe(360_000)
      if (top >= 0 && top < 350_000) expect([from * 36 <= top, to * 36 >= top + 900]).toEqual([true, true])
    }
  })
})
