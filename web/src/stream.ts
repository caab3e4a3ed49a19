/**
 * A run's events as they arrive: opens the stream, parses it, resumes after the
 * last event and notices when it has died. Knows nothing of what events mean.
 *
 * fetch instead of EventSource, because the statuses matter (204, 404, 410)
 * and because a dead socket must be noticed: the server sends a comment line
 * after 4 s of silence, and two missing ones count as dead.
 */

import { isRecord, parse } from './wire/json'
import type { Json } from './wire/json'
import { readProblem } from './wire/problem'
import type { Problem } from './wire/problem'

/** Silence after which a connection counts as dead. */
export const SILENCE_MS = 9_000
const LOST_MS = 10_000
const FIRST_DELAY_MS = 500
const LAST_DELAY_MS = 8_000
const LONGEST_BLOCK = 8 * 1024 * 1024

/** One block of a stream. */
export interface Block {
  readonly id: string
  readonly event: string
  readonly data: string
  readonly retry?: number
}

/** Splits text into blocks, wherever it was cut; comments and CRLF are fine. */
export class Blocks {
  #rest = ''
  #cut = false
  #id = ''
  #event = ''
  #retry: number | undefined
  #data: string[] = []
  #size = 0

  /** The blocks that `text` completes. */
  push(text: string): Block[] {
    const found: Block[] = []
    // A lone CR ends a line; the LF of a CRLF may come with the next piece.
    let from = this.#cut && text.startsWith('\n') ? 1 : 0
    if (text !== '') this.#cut = false
    for (let at = from; at < text.length; at += 1) {
      const char = text[at]
      if (char !== '\n' && char !== '\r') continue
      this.#line(this.#rest + text.slice(from, at), found)
      this.#rest = ''
      if (char === '\r') {
        if (at + 1 === text.length) this.#cut = true
        else if (text[at + 1] === '\n') at += 1
      }
      from = at + 1
    }
    this.#rest += text.slice(from)
    if (this.#rest.length + this.#size > LONGEST_BLOCK) throw new Error('a block of the stream is too long')
    return found
  }

  #line(line: string, found: Block[]): void {
    if (line === '') {
      if (this.#data.length > 0) {
        found.push({ id: this.#id, event: this.#event || 'message', data: this.#data.join('\n'), retry: this.#retry })
      }
      this.#event = ''
      this.#retry = undefined
      this.#data = []
      this.#size = 0
      return
    }
    const colon = line.indexOf(':')
    if (colon === 0) return
    const name = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (name === 'data') {
      this.#data.push(value)
      this.#size += value.length
    } else if (name === 'event') this.#event = value
    else if (name === 'id' && !value.includes('\0')) this.#id = value
    else if (name === 'retry' && /^\d+$/.test(value)) this.#retry = Number(value)
  }
}

/** Where something came from: this page's own stream, another tab's, or a page of the journal. */
export type Via = 'stream' | 'tab' | 'journal'

/** A block as it came here. */
export interface Frame extends Block {
  readonly via: Via
}

/** How the connection stands. */
export type Link =
  | { readonly state: 'connecting' }
  | { readonly state: 'live'; readonly via?: Via }
  | { readonly state: 'reconnecting' | 'offline'; readonly since: number; readonly nextAt: number }
  | { readonly state: 'ended' }

/** What a watcher of a stream is told. */
export interface Watcher {
  /** One event's JSON, and the block it stood in; `true` when it was the last of the run. */
  event(value: Json, block: Block): boolean
  /** The server has nothing more for this cursor. */
  nothingMore(): void
  /** The server refuses for good: no such run, or expired. */
  refused(problem: Problem): void
  link(link: Link): void
  /** The block that an event stands in, before the event. */
  frame?(frame: Frame): void
  /** So many bytes have come, heartbeats among them. */
  heard?(bytes: number): void
  /** A stream was opened; these are its headers. */
  opened?(headers: Headers): void
}

/** An open watch. */
export interface Watch {
  close(): void
  /** Opens at once instead of waiting for the next try. */
  tryNow(): void
}

/** The wait before try `tries` (from 0): doubling from 0.5 to 8 s, with up to a quarter of jitter. */
export function delayBefore(tries: number, random: number): number {
  const full = Math.min(LAST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(tries, 10))
  return Math.round(full * (0.75 + 0.25 * random))
}

/** Watches `url` after `cursor`, or from the start, until the run has ended. */
export function watch(url: string, watcher: Watcher, from = ''): Watch {
  const closing = new AbortController()
  let cursor = from
  let tries = 0
  let lostAt = 0
  let asked: number | undefined
  let wake: () => void = () => undefined

  const lost = (delay: number): void => {
    const now = Date.now()
    if (lostAt === 0) lostAt = now
    const offline = !navigator.onLine || now - lostAt >= LOST_MS
    watcher.link({ state: offline ? 'offline' : 'reconnecting', since: lostAt, nextAt: now + delay })
  }

  const alive = (): void => {
    if (lostAt === 0 && tries === 0) return
    lostAt = 0
    tries = 0
  }

  /** One connection; `true` when there is nothing left to watch. */
  const once = async (): Promise<boolean> => {
    const dead = new AbortController()
    const stop = (): void => dead.abort()
    closing.signal.addEventListener('abort', stop)
    let silence = setTimeout(stop, SILENCE_MS)
    try {
      const headers: Record<string, string> = { accept: 'text/event-stream' }
      if (cursor !== '') headers['last-event-id'] = cursor
      const answer = await fetch(url, { headers, signal: dead.signal, cache: 'no-store' })
      if (answer.status === 204) {
        watcher.nothingMore()
        return true
      }
      if (!answer.ok || answer.body === null) return await refusal(answer)
      watcher.link({ state: 'live', via: 'stream' })
      watcher.opened?.(answer.headers)
      const blocks = new Blocks()
      const decoder = new TextDecoder()
      const reader = answer.body.getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return false
        clearTimeout(silence)
        silence = setTimeout(stop, SILENCE_MS)
        alive()
        watcher.heard?.(value.length)
        for (const block of blocks.push(decoder.decode(value, { stream: true }))) {
          if (take(block)) return true
        }
      }
    } finally {
      clearTimeout(silence)
      closing.signal.removeEventListener('abort', stop)
      dead.abort()
    }
  }

  /** One block; `true` when it was the run's last. */
  const take = (block: Block): boolean => {
    const value = parse(block.data)
    watcher.frame?.({ ...block, via: 'stream' })
    if (block.event === 'stream_closing') {
      asked = block.retry
      return false
    }
    // The cursor moves only past an event that was handed on.
    const last = isRecord(value) && watcher.event(value, block)
    if (block.id !== '') cursor = block.id
    return last
  }

  const refusal = async (answer: Response): Promise<boolean> => {
    const problem = readProblem(answer.status, parse(await answer.text()))
    // A cursor that does not fit this run is dropped: what is applied is applied once.
    if (answer.status === 400 || answer.status === 409) cursor = ''
    if (answer.status === 401 || answer.status === 403 || answer.status === 404 || answer.status === 410) {
      watcher.refused(problem)
      return true
    }
    asked = problem.retryAfterMs
    return false
  }

  const run = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      const over = await once().catch(() => false)
      if (closing.signal.aborted) return
      if (over) {
        watcher.link({ state: 'ended' })
        return
      }
      const delay = asked ?? delayBefore(tries, Math.random())
      asked = undefined
      tries += 1
      lost(delay)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, delay)
        wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  const tryNow = (): void => wake()
  window.addEventListener('online', tryNow)
  watcher.link({ state: 'connecting' })
  void run()
  return {
    tryNow,
    close: () => {
      window.removeEventListener('online', tryNow)
      closing.abort()
      wake()
    },
  }
}
