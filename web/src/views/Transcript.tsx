import { useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { isClosed } from '../run'
import type { QueryView } from '../run'
import { say } from '../words'

const EVERY_MS = 100
const PIECE = 4096
const NEAR_BOTTOM_PX = 24
const RELEASING = new Set(['PageUp', 'Home', 'ArrowUp'])

/** A query's whole text; follows its end only while the reader is there. */
export function Transcript({ query }: { query: QueryView }) {
  const box = useRef<HTMLPreElement>(null)
  const following = useSignal(true)
  const whole = query.text || answerOf(query)
  const shown = useThrottled(whole)

  useLayoutEffect(() => {
    const element = box.current
    if (element && following.value) element.scrollTop = element.scrollHeight
  }, [shown])

  const release = () => (following.value = false)
  const latest = () => {
    following.value = true
    const element = box.current
    if (element) element.scrollTop = element.scrollHeight
  }
  const onScroll = () => {
    const element = box.current
    if (element && element.scrollHeight - element.scrollTop - element.clientHeight <= NEAR_BOTTOM_PX) following.value = true
  }
  const ended = isClosed(query)
  const incomplete = ended && query.phase !== 'done' && whole !== ''
  return (
    <div class="transcript" aria-busy={!ended}>
      <h3>
        {say('detail.text')}
        {incomplete && <span class="muted"> ({say('detail.incomplete')})</span>}
      </h3>
      {shown === '' ? (
        <p class="muted">{say(ended ? 'detail.no_text_ended' : 'detail.no_text')}</p>
      ) : (
        <pre
          ref={box}
          tabIndex={0}
          onWheel={(event) => event.deltaY < 0 && release()}
          onTouchMove={release}
          onPointerDown={release}
          onKeyDown={(event) => RELEASING.has(event.key) && release()}
          onScroll={onScroll}
        >
          {pieces(shown).map((piece, index) => (
            <span key={index}>{piece}</span>
          ))}
        </pre>
      )}
      {!following.value && !ended && (
        <button type="button" class="latest" onClick={latest}>
          {say('detail.latest')}
        </button>
      )}
    </div>
  )
}

/** What a query answered without streaming it. */
function answerOf(query: QueryView): string {
  if (query.result === undefined) return ''
  return typeof query.result === 'string' ? query.result : JSON.stringify(query.result, null, 2)
}

/** Cuts the text so that only its last piece changes while it grows; no character is torn. */
function pieces(text: string): readonly string[] {
  const found: string[] = []
  let from = 0
  while (from < text.length) {
    let to = from + PIECE
    const code = text.charCodeAt(to - 1)
    if (code >= 0xd800 && code <= 0xdbff) to += 1
    found.push(text.slice(from, to))
    from = to
  }
  return found
}

/** The latest `value`, at most ten times a second. */
function useThrottled(value: string): string {
  const shown = useSignal(value)
  const latest = useRef(value)
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  latest.current = value
  useEffect(() => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined
      shown.value = latest.current
    }, EVERY_MS)
  }, [value])
  useEffect(() => () => clearTimeout(timer.current), [])
  return shown.value
}
