import { describe, expect, it } from 'vitest'
import { html, markdownTable, safeCell, tsv } from '../src/copy'
import { moved, windowOf } from '../src/grid'
import { markdown, safeAddress } from '../src/markdown'
import type { Block, Inline, List } from '../src/markdown'

const words = (parts: readonly Inline[]): string => parts.map((part) => ('parts' in part ? words(part.parts) : part.text)).join('')
const first = (text: string): Block | undefined => markdown(text)[0]
const parts = (text: string): readonly Inline[] => {
  const block = first(text)
  return block && 'parts' in block ? block.parts : []
}
const depth = (list: List): number => 1 + Math.max(0, ...list.items.map((item) => (item.below ? depth(item.below) : 0)))

describe('the small Markdown', () => {
  it('knows headings, paragraphs, lists, code and tables', () => {
    const blocks = markdown('# One\ntext\nmore\n\n- a\n  - b\n1. c\n\n```\n*raw*\n```\n| x | y |\n| - | :-: |\n| 1 | 2 |')
    expect(blocks.map((block) => block.kind)).toEqual(['heading', 'paragraph', 'list', 'code', 'table'])
    expect(blocks[3]).toEqual({ kind: 'code', text: '*raw*' })
  })

  it('knows emphasis and code inside a line', () => {
    expect(parts('a **b *c*** `d*`').map((part) => part.kind)).toEqual(['text', 'strong', 'text', 'code'])
    expect(parts('snake_case_name and 2 * 3 * 4')).toEqual([{ kind: 'text', text: 'snake_case_name and 2 * 3 * 4' }])
    expect(words(parts('\\*no\\*'))).toBe('*no*')
  })

  it.each(['javascript:alert(1)', ' JaVaScRiPt:alert(1)', 'java\nscript:x', 'data:text/html,x', 'vbscript:x', '//host/x', '/x', 'https://user:pass@host/', 'file:///x', 'blob:https://x', 'https:\\\\x'])('makes no link of %j', (address) => {
    expect(safeAddress(address)).toBeUndefined()
    expect(parts(`[a](${address})`).some((part) => part.kind === 'link')).toBe(false)
  })

  it('makes a link, and of a picture no more than that', () => {
    expect(parts('![p](https://example.org/x.png)')).toEqual([{ kind: 'link', text: 'p', href: 'https://example.org/x.png', host: 'example.org' }])
  })

  it('leaves HTML and reference links as they are', () => {
    const text = '<b onclick=x>[a][b]</b> <https://example.org>'
    expect(parts(text)).toEqual([{ kind: 'text', text }])
  })

  it.each([
    ['lists 10,000 deep', Array.from({ length: 10_000 }, (_, at) => `${' '.repeat(Math.min(at * 2, 4000))}- x`).join('\n')],
    ['a line of brackets', '['.repeat(1_000_000)],
    ['brackets with one end', `${'['.repeat(1_000_000)}]`],
    ['open links', '[a]('.repeat(250_000)],
    ['stars', '*'.repeat(1_000_000)],
    ['open emphasis', '*a '.repeat(333_333)],
    ['open strong', '**a '.repeat(250_000)],
    ['underlines', '_a'.repeat(500_000)],
    ['nested emphasis', `${'**a *b '.repeat(100_000)}${'* **'.repeat(100_000)}`],
    ['backticks', '`'.repeat(1_000_000)],
    ['two backticks and one', '`` ` '.repeat(200_000)],
    ['backslashes', '\\'.repeat(1_000_000)],
    ['pictures', '!['.repeat(500_000)],
    ['bars', '|'.repeat(1_000_000)],
    ['bars and dashes', `|${'-|'.repeat(500_000)}\n|${'-|'.repeat(500_000)}`],
    ['hashes', `${'#'.repeat(1_000_000)} x`],
    ['spaces', `${' '.repeat(1_000_000)}x`],
    ['empty lines', '\n'.repeat(500_000)],
    ['points', '- x\n'.repeat(200_000)],
    ['table rows', `| a |\n| - |\n${'| b |\n'.repeat(100_000)}`],
    ['open fences', '```\n'.repeat(200_000)],
  ])('reads %s in bounded time and size', (_, text) => {
    const began = performance.now()
    const blocks = markdown(text)
    // Seconds would be a square's; milliseconds are usual.
    expect(performance.now() - began).toBeLessThan(3000)
    expect(JSON.stringify(blocks).length).toBeLessThan(40 * text.length + 1000)
    for (const block of blocks) if (block.kind === 'list') expect(depth(block)).toBeLessThanOrEqual(6)
  })

  it('shows a text that is too large for a tree to its end', () => {
    const blocks = markdown(`${'- x\n'.repeat(50_000)}the end`)
    expect(JSON.stringify(blocks.at(-1))).toContain('the end')
  })
})

describe('a copied table', () => {
  it('has no cell that a spreadsheet would run', () => {
    expect(['=1+1', '+x', '-x', '@x', '\tx', '\rx', '＝1'].map(safeCell)).toEqual(["'=1+1", "'+x", "'-x", "'@x", "'\tx", "'\rx", "'＝1"])
    expect([safeCell(-5), safeCell('-5'), safeCell('+3.5'), safeCell('a=b')]).toEqual(['-5', '-5', '+3.5', 'a=b'])
  })

  it('keeps its cells apart in all forms', () => {
    const table = { head: ['a', 'b'], rows: [['x\ty', 'q"'], ['1|2\n3', '<b>&']] }
    expect(tsv(table)).toBe('a\tb\r\n"x\ty"\t"q"""\r\n"1|2\n3"'.replace('"1|2\n3"', '"1|2\n3"') + '\t<b>&')
    expect(markdownTable(table).split('\n')[3]).toBe('| 1\\|2 3 | &lt;b>& |')
    expect(html(table)).toContain('<td>&lt;b&gt;&amp;</td>')
  })
})

describe('a grid', () => {
  it('draws only what is seen, to both ends', () => {
    expect(windowOf(0, 640, 32, 5000)).toEqual({ from: 0, to: 32 })
    const end = windowOf(5000 * 32, 640, 32, 5000)
    expect([end.from < 5000, end.to]).toEqual([true, 5000])
    expect(windowOf(0, 640, 32, 3)).toEqual({ from: 0, to: 3 })
  })

  it('is walked by keys and never left', () => {
    const at = { row: 1, column: 1 }
    expect(moved('ArrowDown', false, at, 3, 4, 10)).toEqual({ row: 2, column: 1 })
    expect(moved('End', true, at, 3, 4, 10)).toEqual({ row: 2, column: 3 })
    expect(moved('Home', false, at, 3, 4, 10)).toEqual({ row: 1, column: 0 })
    expect(moved('PageUp', false, at, 3, 4, 10)).toEqual({ row: 0, column: 1 })
    expect([moved('x', false, at, 3, 4, 10), moved('constructor', false, at, 3, 4, 10), moved('ArrowUp', false, at, 0, 4, 10)]).toEqual([undefined, undefined, undefined])
  })
})
