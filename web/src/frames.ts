/** The lines of the events tab, from the tape: filtered, and pieces of text folded together. */

import type { RunView } from './run'
import type { Line } from './tape'
import type { Frame } from './stream'

/** Which frames are wanted; what is empty lets all through. */
export interface FrameFilter {
  readonly event: string
  readonly query: string
  readonly words: string
  /** Whether pieces of text stand on lines of their own. */
  readonly deltas: boolean
}

/** A line as it is drawn: one of the tape, or several pieces of text in one. */
export type Item =
  | { readonly kind: 'line'; readonly line: Line }
  | { readonly kind: 'folded'; readonly first: Line; readonly count: number; readonly chars: number }

const DELTA = 'query_delta'

/** The lines to draw. */
export function items(lines: readonly Line[], filter: FrameFilter): readonly Item[] {
  const found: Item[] = []
  let folded: { first: Line; count: number; chars: number } | undefined
  const close = (): void => {
    if (folded) found.push({ kind: 'folded', ...folded })
    folded = undefined
  }
  for (const line of lines) {
    const { frame } = line
    if (frame && !fits(frame, filter)) continue
    if (frame?.event === DELTA && !filter.deltas && filter.event !== DELTA) {
      folded ??= { first: line, count: 0, chars: 0 }
      folded.count += 1
      folded.chars += frame.data.length
      continue
    }
    close()
    found.push({ kind: 'line', line })
  }
  close()
  return found
}

function fits(frame: Frame, filter: FrameFilter): boolean {
  if (filter.event !== '' && frame.event !== filter.event) return false
  if (filter.query !== '' && queryOf(frame) !== filter.query) return false
  return filter.words === '' || frame.data.includes(filter.words) || frame.event.includes(filter.words)
}

/** The query that a frame is about; the first field of that name, which is the event's own. */
export function queryOf(frame: Frame): string {
  return /"query":"([^"\\]{1,200})"/.exec(frame.data.slice(0, 400))?.[1] ?? ''
}

/** Milliseconds since the run was accepted, if the frame tells. */
export function elapsedOf(frame: Frame): number | undefined {
  const found = /"elapsed_ms":(\d+(?:\.\d+)?)/.exec(frame.data.slice(0, 400))?.[1]
  return found === undefined ? undefined : Number(found)
}

/** The frame as it stands in a stream. */
export function bytesOf(frame: Frame): string {
  // An unnumbered block carries the id of the one before it on, and none of its own.
  const id = frame.id === '' || !frame.data.includes('"seq":') ? '' : `id: ${frame.id}\n`
  const retry = frame.retry === undefined ? '' : `retry: ${frame.retry}\n`
  return `${id}event: ${frame.event}\n${retry}data: ${frame.data}\n\n`
}

/** Ways to see the same in a program of one's own. */
export const WAYS = ['curl', 'curl_from', 'fetch', 'eventsource', 'cli'] as const
export type Way = (typeof WAYS)[number]

/**
 * A command or program that reads the run at `server`, from frame `seq` on where that is possible;
 * the command line asks the same again. Has no secret in it.
 */
export function reproduce(way: Way, server: string, run: RunView, seq: number): string {
  const address = `${server}/api/v1/runs/${run.id}/events?deltas=true`
  switch (way) {
    case 'curl':
      return `curl -N '${address}'`
    case 'curl_from':
      return seq > 1 ? `curl -N '${address}' -H 'Last-Event-ID: ${run.id}.${seq - 1}'` : `curl -N '${address}'`
    case 'fetch':
      return [
        `const answer = await fetch('${address}', { headers: { accept: 'application/x-ndjson' } })`,
        `for await (const lines of answer.body.pipeThrough(new TextDecoderStream())) console.log(lines)`,
      ].join('\n')
    case 'eventsource':
      return [
        `const source = new EventSource('${address}')`,
        `for (const name of ['query_started', 'query_completed', 'final_result']) source.addEventListener(name, (event) => console.log(name, JSON.parse(event.data)))`,
        `source.addEventListener('final_result', () => source.close())`,
      ].join('\n')
    case 'cli':
      // JSON has no line of its own that could end the document early.
      return `askstream ask -f - <<'ASK'\n${JSON.stringify({ panel: run.panel, question: run.question, input: run.input })}\nASK`
  }
}
