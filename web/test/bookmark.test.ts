import { describe, expect, it } from 'vitest'
import { Bookmark, seqOf } from '../src/bookmark'

describe('a bookmark', () => {
  it('takes each event once, and knows when one is missing', () => {
    const place = new Bookmark('run_a')
    expect(place.cursor).toBe('')
    expect([place.fit(1, 0), place.fit(3, 2)]).toEqual(['take', 'gap'])
    place.took(4)
    expect([place.fit(4, 3), place.fit(2, 1), place.fit(5, 4), place.fit(6, 5)]).toEqual(['known', 'known', 'take', 'gap'])
    expect(place.cursor).toBe('run_a.4')
  })

  it('takes what follows a hole when its sender had no more either', () => {
    const place = new Bookmark('run_a')
    place.took(4)
    expect([place.fit(90, 4), place.fit(90, 2), place.fit(90, 89)]).toEqual(['take', 'take', 'gap'])
  })

  it('never falls back', () => {
    const place = new Bookmark('run_a')
    place.took(9)
    place.took(3)
    expect(place.seq).toBe(9)
  })

  it('reads the number at the end of an id', () => {
    expect(['run_a.1', 'run_a.b.20', 'run_a', '', 'run_a.x', 'run_a.99999999999999999999'].map(seqOf)).toEqual([1, 20, 0, 0, 0, 0])
  })
})
