import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import { isClosed } from '../run'
import type { QueryView } from '../run'
import { rawOf, sectionsOf } from '../sections'
import { say } from '../words'
import { Sections } from './Sections'
import { useAnswerLanguage } from './language'

const EVERY_MS = 100
const NEAR_BOTTOM_PX = 24
const RELEASING = new Set(['PageUp', 'Home', 'ArrowUp'])

/** A query's whole answer: by sections where it is JSON, else its text; the raw text behind a switch. */
export function Transcript({ query }: { query: QueryView }) {
  const raw = useSignal(false)
  const shown = useThrottled(query)
  const ended = isClosed(query)
  const sections = useMemo(() => sectionsOf(shown), [shown.result, shown.partial, shown.reading.form, shown.reading.parts])
  const laidOut = sections !== undefined && !raw.value
  const there = laidOut ? sections.length > 0 || shown.reading.section !== '' : shown.text.chars > 0 || shown.result !== undefined || shown.partial !== undefined
  const incomplete = ended && query.phase !== 'done' && there
  return (
    <div class="transcript" data-testid="transcript" aria-busy={!ended}>
      <div class="transcript-head">
        <h3>
          {say(query.phase === 'done' ? 'detail.answer' : 'detail.text')}
          {incomplete && <span class="muted"> ({say(query.partial ? 'detail.partial' : 'detail.incomplete')})</span>}
        </h3>
        {sections !== undefined && (
          <button type="button" class="quiet" data-testid="raw-answer" aria-pressed={raw.value} onClick={() => (raw.value = !raw.value)}>
            {say('detail.raw')}
          </button>
        )}
      </div>
      {there ? (
        <Following key={laidOut ? 'sections' : 'raw'} stamp={shown} ended={ended} mono={!laidOut}>
          {laidOut ? <Sections sections={sections} open={ended ? '' : shown.reading.section} says={shown.reading.says} /> : <Raw query={shown} />}
        </Following>
      ) : (
        <p class="muted">{say(ended ? 'detail.no_text_ended' : 'detail.no_text')}</p>
      )}
    </div>
  )
}

/** The text as it came; only its last piece changes while it grows. */
function Raw({ query }: { query: QueryView }) {
  if (query.text.chars === 0) return <>{rawOf(query)}</>
  return (
    <>
      {query.text.pieces.map((piece, index) => (
        <span key={index}>{piece}</span>
      ))}
      <span key={query.text.pieces.length}>{query.text.open}</span>
    </>
  )
}

interface FollowingProps {
  /** Another value means that there is more to see. */
  readonly stamp: unknown
  readonly ended: boolean
  readonly mono: boolean
  readonly children: ComponentChildren
}

/** A box that follows its end only while the reader is there; one step up releases it at once. */
function Following({ stamp, ended, mono, children }: FollowingProps) {
  const lang = useAnswerLanguage()
  const box = useRef<HTMLDivElement>(null)
  const top = useRef(0)
  // An answer that is complete is read from its beginning.
  const following = useSignal(!ended)

  useLayoutEffect(() => {
    if (following.value) toEnd()
  }, [stamp])

  const toEnd = () => {
    const element = box.current
    if (element === null) return
    element.scrollTop = element.scrollHeight
    top.current = element.scrollTop
  }
  const release = () => (following.value = false)
  const latest = () => {
    following.value = true
    toEnd()
  }
  const onScroll = () => {
    const element = box.current
    if (element === null) return
    const isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight <= NEAR_BOTTOM_PX
    // Only who goes down to the end asks to follow it: a small step up leaves him near it as well.
    if (element.scrollTop < top.current) release()
    else if (isAtEnd && element.scrollTop > top.current) following.value = true
    top.current = element.scrollTop
  }
  return (
    <>
      <div
        ref={box}
        class={mono ? 'received mono' : 'received'}
        lang={lang}
        tabIndex={0}
        role="group"
        aria-label={say('detail.text')}
        onWheel={(event) => event.deltaY < 0 && release()}
        onTouchMove={release}
        onPointerDown={release}
        onKeyDown={(event) => RELEASING.has(event.key) && release()}
        onScroll={onScroll}
      >
        {children}
      </div>
      {!following.value && !ended && (
        <button type="button" class="latest" data-testid="latest" onClick={latest}>
          {say('detail.latest')}
        </button>
      )}
    </>
  )
}

/** The latest `value`, at most ten times a second. */
function useThrottled<T>(value: T): T {
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
