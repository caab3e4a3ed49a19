import { describe, expect, it } from 'vitest'
import { UNREAD, read } from '../src/reading'
import type { Reading } from '../src/reading'
import { NO_TEXT, grown, tailOf, whole } from '../src/text'

const ANSWER = '{"summary": {"element_type": "strip \\"A\\"", "depth_m": 0.6, "note": null}, "risks": [{"id": "R-1", "text": "frost\\nand \\u00e9"}, 2], "ok": true, "name": "last"}'
const inPieces = (text: string, size: number): Reading => {
  let reading = UNREAD
  for (let at = 0; at < text.length; at += size) reading = read(reading, text.slice(at, at + size))
  return reading
}

describe('an answer that is read while it comes', () => {
  it('finds the sections with their places, wherever the text is cut', () => {
    for (const size of [1, 2, 3, 7, ANSWER.length]) {
      const { parts, section } = inPieces(ANSWER, size)
      expect(section).toBe('')
      const found = parts.map(({ name, from, to }) => [name, JSON.parse(ANSWER.slice(from, to))])
      expect(Object.fromEntries(found)).toEqual(JSON.parse(ANSWER))
    }
  })

  it('says the open section in words, without braces, quotes and escapes', () => {
    expect(inPieces(ANSWER.slice(0, ANSWER.indexOf('}')), 5)).toMatchObject({
      section: 'summary',
      says: 'element type: strip "A"; depth m: 0.6; note: null',
    })
    const inRisks = inPieces(ANSWER.slice(0, ANSWER.indexOf('}, 2')), 4)
    expect([inRisks.section, inRisks.says]).toEqual(['risks', 'id: R-1; text: frost and é'])
  })

  it('keeps only the end of what is said', () => {
    const { says } = read(UNREAD, `{"a": "${'x'.repeat(1000)}end`)
    expect(says).toHaveLength(240)
    expect(says.endsWith('end')).toBe(true)
  })

  it('reads past a code fence, and leaves prose alone', () => {
    expect(read(UNREAD, '```json\n{"a": 1}\n```').parts).toHaveLength(1)
    expect(read(UNREAD, 'The slab {"a": 1}')).toMatchObject({ form: 'text', parts: [] })
  })

  it('survives what is no JSON', () => {
    for (const odd of ['{]]]}}', '{"a"::,,1}', '{"a": "\\uZZZZ"}', '{,}', '{"a" 1}', '{{{{']) {
      expect(read(read(UNREAD, odd), odd).form).toBe('json')
    }
  })
})

describe('a growing text', () => {
  const delta = 'Příliš 😀 '
  const count = 2000
  const text = Array.from({ length: count }).reduce<typeof NO_TEXT>((grow) => grown(grow, delta), NO_TEXT)

  it('is the sum of its deltas and counts characters as the server does', () => {
    expect(whole(text)).toBe(delta.repeat(count))
    expect(text.chars).toBe([...delta].length * count)
  })

  it('closes pieces that never change again', () => {
    const more = grown(text, delta)
    expect(text.pieces.length).toBeGreaterThan(3)
    expect(more.pieces.slice(0, text.pieces.length)).toEqual(text.pieces)
    expect(Math.max(...text.pieces.map((piece) => piece.length))).toBeLessThan(4096 + delta.length)
  })

  it('tells its end across a piece that was just closed', () => {
    for (const one of [text, grown(NO_TEXT, 'short'), { ...text, open: '' }]) {
      expect(tailOf(one, 240)).toBe(whole(one).slice(-240))
    }
  })
})
