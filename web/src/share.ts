/**
 * One stream for all tabs that show a run, and at most four for all runs.
 *
 * The tab that holds the run's lock leads: it reads the stream and hands each
 * event out. The others listen, and read from the journal what they missed. A
 * tab that is closed lets go of the lock, one that the browser freezes gives it
 * back, and one that says nothing for long loses it to a tab that is looked at.
 * A leader that gets none of the places for streams reads pages of the journal.
 * Whoever leads next goes on from its own cursor, so a change loses nothing.
 */

import { eventsPath } from './api'
import { BASE } from './base'
import { Bookmark, seqOf } from './bookmark'
import { canShare, takeSlot } from './slots'
import { delayBefore, SILENCE_MS, watch } from './stream'
import type { Block, Link, Via, Watch, Watcher } from './stream'
import { isRecord, list, parse, record, text } from './wire/json'
import type { Json } from './wire/json'
import { readProblem } from './wire/problem'

const PAGE_EVERY_MS = 1000
/** A leader that is silent for longer than a dead connection takes to be noticed is gone. */
const LEADER_SILENCE_MS = SILENCE_MS + 3000
const LOOK_EVERY_MS = 1000

/** What tabs tell each other about a run. */
type Said =
  | { readonly kind: 'hello' }
  | { readonly kind: 'try' }
  | { readonly kind: 'alive'; readonly link: Link; readonly seq: number }
  | { readonly kind: 'blocks'; readonly blocks: readonly Handed[] }
interface Handed {
  readonly before: number
  readonly block: Block
}

/** Watches run `id` together with the other tabs of this browser. */
export function share(id: string, watcher: Watcher): Watch {
  if (!canShare()) return watch(eventsPath(id), watcher)
  const shared = new Shared(id, watcher)
  void shared.live()
  return { close: () => shared.close(), tryNow: () => shared.tryNow() }
}

class Shared {
  readonly #id: string
  readonly #watcher: Watcher
  readonly #place: Bookmark
  readonly #channel: BroadcastChannel
  readonly #lock: string
  readonly #closing = new AbortController()
  #over = false
  #leading = false
  #frozen = false
  #stream: Watch | undefined
  /** Ends what is being waited for: the next page, a turn at the lock, the thaw. */
  #wake: () => void = () => undefined
  #stopLeading: () => void = () => undefined
  #led = Promise.resolve()
  #giveUpQueue = new AbortController()
  #outbox: Handed[] = []
  #link: Link = { state: 'connecting' }
  #heardAt = performance.now()
  #beatAt = 0
  /** The furthest place that anybody is known to have reached. */
  #known = 0
  #reading: Promise<Read> | undefined

  constructor(id: string, watcher: Watcher) {
    this.#id = id
    this.#watcher = watcher
    this.#place = new Bookmark(id)
    this.#lock = `askstream ${BASE} run ${id}`
    this.#channel = new BroadcastChannel(this.#lock)
    this.#channel.onmessage = (event: MessageEvent<Said>) => this.#hear(event.data)
    const signal = this.#closing.signal
    document.addEventListener('freeze', () => this.#freeze(true), { signal })
    document.addEventListener('resume', () => this.#freeze(false), { signal })
    window.addEventListener('pagehide', () => this.#freeze(true), { signal })
    window.addEventListener('pageshow', () => this.#freeze(false), { signal })
    const looking = setInterval(() => this.#look(), LOOK_EVERY_MS)
    signal.addEventListener('abort', () => clearInterval(looking))
  }

  /** Leads whenever the lock is free, and listens in between, until the run is over. */
  async live(): Promise<void> {
    this.#watcher.link(this.#link)
    while (!this.#isDone()) {
      if (this.#frozen) {
        await this.#sleep(Number.POSITIVE_INFINITY)
        continue
      }
      if (await this.#hold({ ifAvailable: true })) continue
      this.#heardAt = performance.now()
      this.#say({ kind: 'hello' })
      void this.#catchUp()
      this.#giveUpQueue = new AbortController()
      const got = await this.#hold({ signal: this.#giveUpQueue.signal })
      if (!got && !this.#isDone() && !this.#frozen) await this.#hold({ steal: true })
    }
    this.#finish()
  }

  close(): void {
    this.#closing.abort()
    this.#letGo()
  }

  tryNow(): void {
    if (!this.#leading) this.#say({ kind: 'try' })
    this.#stream?.tryNow()
    this.#wake()
  }

  #isDone(): boolean {
    return this.#over || this.#closing.signal.aborted
  }

  #finish(): void {
    // What is still in the outbox goes first: the others wait for the last event.
    queueMicrotask(() => {
      this.#send()
      this.#closing.abort()
      this.#channel.close()
    })
    if (this.#over) this.#watcher.link({ state: 'ended' })
  }

  /** Leads while it has the lock; `false` when it did not get it. */
  async #hold(options: LockOptions): Promise<boolean> {
    try {
      return await navigator.locks.request(this.#lock, options, async (lock) => {
        if (lock === null) return false
        this.#led = this.#isDone() || this.#frozen ? Promise.resolve() : this.#lead()
        await this.#led
        return true
      })
    } catch {
      // Given up in the queue, or another tab took it from us.
      const led = this.#leading
      this.#stopLeading()
      await this.#led
      return led
    }
  }

  #letGo(): void {
    this.#stopLeading()
    this.#giveUpQueue.abort()
    this.#wake()
  }

  #freeze(frozen: boolean): void {
    // Every page is shown once after it was loaded, and its stream may be open by then.
    if (frozen === this.#frozen) return
    this.#frozen = frozen
    this.#letGo()
  }

  async #lead(): Promise<void> {
    this.#leading = true
    const ending = new AbortController()
    const { signal } = ending
    const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
    this.#stopLeading = () => ending.abort()
    let tries = 0
    while (!signal.aborted && !this.#isDone()) {
      const release = await takeSlot(BASE)
      if (release !== undefined) {
        await Promise.race([this.#openStream(), stopped])
        this.#stream?.close()
        this.#stream = undefined
        release()
        break
      }
      const read = await Promise.race([this.#read(), stopped.then(() => 'failed' as const)])
      if (signal.aborted || this.#isDone()) break
      tries = read === 'failed' ? tries + 1 : 0
      const wait = read === 'failed' ? delayBefore(tries, Math.random()) : PAGE_EVERY_MS
      const now = Date.now()
      this.#tell(read === 'failed' ? { state: 'reconnecting', since: now, nextAt: now + wait } : { state: 'live', via: 'journal' })
      await Promise.race([this.#sleep(wait), stopped])
    }
    this.#leading = false
  }

  /** Reads a stream of its own, until the run is over. */
  #openStream(): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        this.#over = true
        resolve()
      }
      this.#stream = watch(
        eventsPath(this.#id),
        {
          link: (link) => {
            if (link.state !== 'ended') this.#tell(link)
          },
          event: (value, block) => {
            const over = this.#take(value, block, 'stream')
            if (over) end()
            return over
          },
          nothingMore: () => {
            this.#watcher.nothingMore()
            end()
          },
          refused: (problem) => {
            this.#watcher.refused(problem)
            end()
          },
          frame: (frame) => this.#watcher.frame?.(frame),
          heard: (bytes) => {
            this.#watcher.heard?.(bytes)
            this.#beat()
          },
          opened: (headers) => this.#watcher.opened?.(headers),
        },
        this.#place.cursor,
      )
    })
  }

  /** Hands an event to this page, and to the other tabs if it leads; `true` when it was the last. */
  #take(value: Json, block: Block, via: Via): boolean {
    const seq = seqOf(block.id)
    const numbered = record(value).seq !== undefined
    if (numbered && this.#place.fit(seq, this.#place.seq) === 'known') return false
    if (via !== 'stream') this.#watcher.frame?.({ ...block, via })
    if (this.#leading) this.#hand({ before: this.#place.seq, block })
    const over = this.#watcher.event(value, block)
    if (numbered) this.#place.took(seq)
    if (over) this.#over = true
    return over
  }

  /** One message for all blocks that came at once. */
  #hand(handed: Handed): void {
    this.#outbox.push(handed)
    if (this.#outbox.length === 1) queueMicrotask(() => this.#send())
  }

  #send(): void {
    if (this.#outbox.length === 0) return
    this.#say({ kind: 'blocks', blocks: this.#outbox })
    this.#outbox = []
  }

  #say(said: Said): void {
    if (!this.#closing.signal.aborted) this.#channel.postMessage(said)
  }

  #beat(): void {
    const now = performance.now()
    if (now - this.#beatAt < 1000) return
    this.#beatAt = now
    this.#say({ kind: 'alive', link: this.#link, seq: this.#place.seq })
  }

  #tell(link: Link): void {
    this.#link = link
    this.#watcher.link(link)
    this.#beatAt = 0
    this.#beat()
  }

  #hear(said: Said): void {
    if (said.kind === 'hello' || said.kind === 'try') {
      if (!this.#leading) return
      this.#say({ kind: 'alive', link: this.#link, seq: this.#place.seq })
      if (said.kind === 'try') this.tryNow()
      return
    }
    if (this.#leading || this.#isDone()) return
    this.#heardAt = performance.now()
    this.#watcher.heard?.(0)
    if (said.kind === 'alive') {
      const link: Link = said.link.state === 'live' ? { state: 'live', via: 'tab' } : said.link
      if (JSON.stringify(link) !== JSON.stringify(this.#link)) {
        this.#link = link
        this.#watcher.link(link)
      }
      this.#known = Math.max(this.#known, said.seq)
    } else for (const handed of said.blocks) this.#receive(handed)
    if (this.#known > this.#place.seq) void this.#catchUp()
    if (this.#isDone()) this.#letGo()
  }

  #receive({ before, block }: Handed): void {
    const seq = seqOf(block.id)
    this.#known = Math.max(this.#known, seq)
    const value = parse(block.data)
    if (!isRecord(value)) return
    // What has no number belongs where its sender stood.
    const fit = value.seq === undefined ? (before === this.#place.seq ? 'take' : 'known') : this.#place.fit(seq, before)
    if (fit === 'take') this.#take(value, block, 'tab')
  }

  /** Takes the lead from a leader that says nothing, if somebody looks at this page. */
  #look(): void {
    if (this.#leading || this.#isDone() || document.hidden) return
    if (performance.now() - this.#heardAt > LEADER_SILENCE_MS) this.#giveUpQueue.abort()
  }

  /** Reads what others have and this page has not. */
  async #catchUp(): Promise<void> {
    if (this.#reading !== undefined) return
    const read = await this.#read()
    if (this.#isDone()) this.#letGo()
    else if (read === 'more' && this.#known > this.#place.seq) void this.#catchUp()
  }

  #read(): Promise<Read> {
    this.#reading ??= this.#pages()
      .catch(() => 'failed' as const)
      .finally(() => (this.#reading = undefined))
    return this.#reading
  }

  /** Pages of the journal up to its present end. */
  async #pages(): Promise<Read> {
    for (;;) {
      const headers: Record<string, string> = { accept: 'application/json' }
      if (this.#place.seq > 0) headers['last-event-id'] = this.#place.cursor
      const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(SILENCE_MS)])
      const answer = await fetch(eventsPath(this.#id), { headers, signal, cache: 'no-store' })
      const body = await answer.text()
      this.#watcher.heard?.(body.length)
      if (answer.status === 204) {
        this.#watcher.nothingMore()
        this.#over = true
        return 'over'
      }
      if (!answer.ok) {
        if (![401, 403, 404, 410].includes(answer.status)) return 'failed'
        this.#watcher.refused(readProblem(answer.status, parse(body)))
        this.#over = true
        return 'over'
      }
      const events = list(record(parse(body)).events)
      for (const value of events) {
        if (!isRecord(value)) continue
        const seq = text(value.seq)
        const block = { id: seq && `${this.#id}.${seq}`, event: text(value.type) || 'stream_gap', data: JSON.stringify(value) }
        if (this.#take(value, block, 'journal')) return 'over'
      }
      if (events.length === 0) return 'more'
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = Number.isFinite(ms) ? setTimeout(resolve, ms) : undefined
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

type Read = 'more' | 'over' | 'failed'
