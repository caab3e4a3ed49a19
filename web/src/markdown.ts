/**
 * The small Markdown of answers as a tree: headings, lists, emphasis, code, tables and links; no images, no HTML.
 *
 * What is not understood stays text. Every search remembers where it ended, so the time grows with the
 * length of the text alone; lists and emphasis nest to a depth, and the tree has a largest size.
 */

/** A piece of a line. */
export type Inline =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'code'; readonly text: string }
  | { readonly kind: 'strong' | 'em'; readonly parts: readonly Inline[] }
  | { readonly kind: 'link'; readonly text: string; readonly href: string; readonly host: string }

/** A point of a list, with the list below it. */
export interface Item {
  readonly parts: readonly Inline[]
  readonly below?: List
}

/** A list of points. */
export interface List {
  readonly kind: 'list'
  readonly ordered: boolean
  readonly items: readonly Item[]
}

/** A part of a text. */
export type Block =
  | List
  | { readonly kind: 'heading'; readonly level: number; readonly parts: readonly Inline[] }
  | { readonly kind: 'paragraph'; readonly parts: readonly Inline[] }
  | { readonly kind: 'code'; readonly text: string }
  | { readonly kind: 'table'; readonly head: readonly (readonly Inline[])[]; readonly rows: readonly (readonly (readonly Inline[])[])[] }

const MOST_NODES = 20_000
const MOST_COLUMNS = 20
const DEEPEST_LIST = 6
const DEEPEST_EMPHASIS = 3
const LONGEST_ADDRESS = 2000

const FENCE = /^ {0,3}```/
const HEADING = /^ {0,3}(#{1,6})[ \t]+(.*)$/
const POINT = /^( *)([-*+]|\d{1,9}[.)]) +(.*)$/

/** The text as a tree. */
export function markdown(text: string): readonly Block[] {
  return new Reader(text.replaceAll('\r\n', '\n').replaceAll('\t', '    ').split('\n')).blocks()
}

interface Open {
  readonly indent: number
  readonly ordered: boolean
  readonly items: { text: string; below?: Open }[]
}

class Reader {
  private readonly found: Block[] = []
  private paragraph: string[] = []
  private nodes = 0
  private at = 0

  constructor(private readonly lines: readonly string[]) {}

  blocks(): readonly Block[] {
    while (this.at < this.lines.length) {
      if (this.nodes > MOST_NODES) {
        this.close()
        this.found.push({ kind: 'code', text: this.lines.slice(this.at).join('\n') })
        return this.found
      }
      this.block(this.lines[this.at] ?? '')
    }
    this.close()
    return this.found
  }

  private block(line: string): void {
    const heading = HEADING.exec(line)
    if (FENCE.test(line)) this.code()
    else if (heading) this.add({ kind: 'heading', level: heading[1]?.length ?? 1, parts: this.inline(heading[2] ?? '') })
    else if (POINT.test(line)) this.list()
    else if (line.includes('|') && isRuler(this.lines[this.at + 1])) this.table(line)
    else {
      if (line.trim() === '') this.close()
      else this.paragraph.push(line.trim())
      this.at += 1
    }
  }

  private add(block: Block): void {
    this.close()
    this.found.push(block)
    this.at += 1
  }

  /** Ends the paragraph that has been collected. */
  private close(): void {
    if (this.paragraph.length === 0) return
    this.found.push({ kind: 'paragraph', parts: this.inline(this.paragraph.join('\n')) })
    this.paragraph = []
  }

  private code(): void {
    const from = this.at + 1
    let to = from
    while (to < this.lines.length && !FENCE.test(this.lines[to] ?? '')) to += 1
    this.nodes += 1
    this.at = to
    this.add({ kind: 'code', text: this.lines.slice(from, to).join('\n') })
  }

  private table(first: string): void {
    const head = cells(first)
    const rows: string[][] = []
    this.at += 2
    for (; this.at < this.lines.length && this.nodes + rows.length < MOST_NODES; this.at += 1) {
      const line = this.lines[this.at] ?? ''
      if (!line.includes('|')) break
      rows.push(cells(line).slice(0, head.length))
    }
    this.at -= 1
    const read = (row: readonly string[]) => row.map((cell) => this.inline(cell))
    this.add({ kind: 'table', head: read(head), rows: rows.map(read) })
  }

  private list(): void {
    const root: Open = { indent: 0, ordered: isOrdered(this.lines[this.at] ?? ''), items: [] }
    const stack = [root]
    let size = 0
    for (; this.at < this.lines.length && this.nodes + size < MOST_NODES; this.at += 1) {
      const line = this.lines[this.at] ?? ''
      const point = POINT.exec(line)
      const last = stack[stack.length - 1]?.items.at(-1)
      if (point) {
        size += 1
        put(stack, point[1]?.length ?? 0, isOrdered(line), point[3] ?? '')
      } else if (line.startsWith('  ') && line.trim() !== '' && last) last.text += `\n${line.trim()}`
      else break
    }
    this.at -= 1
    this.add(this.closed(root))
  }

  private closed(open: Open): List {
    const items = open.items.map((item): Item => {
      const parts = this.inline(item.text)
      return item.below ? { parts, below: this.closed(item.below) } : { parts }
    })
    return { kind: 'list', ordered: open.ordered, items }
  }

  private inline(text: string): readonly Inline[] {
    if (this.nodes > MOST_NODES) return [{ kind: 'text', text }]
    const parts = inline(text, DEEPEST_EMPHASIS, MOST_NODES - this.nodes)
    this.nodes += 1 + parts.length
    return parts
  }
}

/** Puts a point where its indent belongs; what is deeper than the deepest list stands in it. */
function put(stack: Open[], indent: number, ordered: boolean, text: string): void {
  while (stack.length > 1 && indent < (stack[stack.length - 1]?.indent ?? 0)) stack.pop()
  const top = stack[stack.length - 1]
  if (top === undefined) return
  const above = top.items.at(-1)
  if (above && indent >= top.indent + 2 && stack.length < DEEPEST_LIST) {
    above.below ??= { indent, ordered, items: [] }
    above.below.items.push({ text })
    stack.push(above.below)
  } else top.items.push({ text })
}

function isOrdered(line: string): boolean {
  return /^ *\d/.test(line)
}

function cells(line: string): string[] {
  const inner = line.trim().replace(/^\|/, '').replace(/\|$/, '')
  return inner.split('|', MOST_COLUMNS).map((cell) => cell.trim())
}

/** Whether the line is the one of dashes below a table's head. */
function isRuler(line: string | undefined): boolean {
  return line !== undefined && line.includes('-') && cells(line).every((cell) => /^:?-+:?$/.test(cell))
}

/** Searches ahead, each needle once: a search that has found something beyond `from` needs no other. */
class Search {
  private readonly seen = new Map<string, number>()

  constructor(private readonly text: string) {}

  next(needle: string, from: number, fits: (at: number) => boolean = () => true): number {
    const known = this.seen.get(needle)
    if (known !== undefined && (known === -1 || known >= from)) return known
    let at = this.text.indexOf(needle, from)
    while (at !== -1 && !fits(at)) at = this.text.indexOf(needle, at + 1)
    this.seen.set(needle, at)
    return at
  }
}

const PUNCTUATION = /[!-/:-@[-`{-~]/
const SPACE = /\s/
const LETTER = /[\p{L}\p{N}]/u
const SPECIAL = /[!\\`*_[]/g

function inline(text: string, depth: number, room: number): readonly Inline[] {
  const parts: Inline[] = []
  const search = new Search(text)
  let plain = ''
  let at = 0
  const push = (part: Inline, to: number) => {
    if (plain !== '') parts.push({ kind: 'text', text: plain })
    plain = ''
    parts.push(part)
    at = to
  }
  while (at < text.length) {
    SPECIAL.lastIndex = at
    const special = SPECIAL.exec(text)?.index ?? text.length
    plain += text.slice(at, special)
    at = special
    if (at === text.length) break
    if (parts.length >= room) {
      plain += text.slice(at)
      break
    }
    const sign = text.charAt(at)
    const found = sign === '\\' ? undefined : piece(text, at, search, depth)
    if (found) push(found.part, found.to)
    else if (sign === '\\' && PUNCTUATION.test(text.charAt(at + 1))) {
      plain += text.charAt(at + 1)
      at += 2
    } else {
      plain += sign
      at += 1
    }
  }
  if (plain !== '') parts.push({ kind: 'text', text: plain })
  return parts
}

interface Piece {
  readonly part: Inline
  readonly to: number
}

function piece(text: string, at: number, search: Search, depth: number): Piece | undefined {
  const sign = text.charAt(at)
  if (sign === '`') return codeAt(text, at, search)
  if (sign === '[') return linkAt(text, at, search)
  if (sign === '!') return text.charAt(at + 1) === '[' ? linkAt(text, at + 1, search) : undefined
  return depth > 0 ? emphasisAt(text, at, search, depth) : undefined
}

function codeAt(text: string, at: number, search: Search): Piece | undefined {
  const mark = text.startsWith('``', at) ? '``' : '`'
  const end = search.next(mark, at + mark.length)
  if (end <= at + mark.length) return undefined
  return { part: { kind: 'code', text: text.slice(at + mark.length, end) }, to: end + mark.length }
}

/** `[text](address)`; a picture is a link as well: nothing is loaded without a click. */
function linkAt(text: string, at: number, search: Search): Piece | undefined {
  const end = search.next(']', at + 1)
  if (end === -1 || text.charAt(end + 1) !== '(') return undefined
  const close = text.slice(end + 2, end + 2 + LONGEST_ADDRESS).indexOf(')')
  if (close === -1) return undefined
  const address = safeAddress(text.slice(end + 2, end + 2 + close))
  const words = text.slice(at + 1, end)
  if (address === undefined) return undefined
  return { part: { kind: 'link', text: words || address.host, href: address.href, host: address.host }, to: end + 3 + close }
}

/** An absolute address of the web, or nothing: no script, no data, no other scheme, no credentials. */
export function safeAddress(raw: string): URL | undefined {
  const address = raw.trim().split(' ', 1)[0] ?? ''
  if (!/^https?:\/\//i.test(address) || !URL.canParse(address)) return undefined
  const url = new URL(address)
  return url.username === '' && url.password === '' ? url : undefined
}

function emphasisAt(text: string, at: number, search: Search, depth: number): Piece | undefined {
  const sign = text.charAt(at)
  const mark = text.charAt(at + 1) === sign ? sign + sign : sign
  const inside = at + mark.length
  if (inside >= text.length || SPACE.test(text.charAt(inside)) || text.charAt(inside) === sign) return undefined
  // Names_with_lines are no emphasis.
  const inWord = (place: number) => sign === '_' && LETTER.test(text.charAt(place))
  if (inWord(at - 1)) return undefined
  const closes = (place: number) => {
    const lone = mark.length === 2 || (text.charAt(place + 1) !== sign && text.charAt(place - 1) !== sign)
    return lone && !SPACE.test(text.charAt(place - 1)) && !inWord(place + mark.length)
  }
  const end = search.next(mark, inside + 1, closes)
  if (end === -1) return undefined
  const parts = inline(text.slice(inside, end), depth - 1, MOST_NODES)
  return { part: { kind: mark.length === 2 ? 'strong' : 'em', parts }, to: end + mark.length }
}
