import { useSignal } from '@preact/signals'
import type { RefObject } from 'preact'
import { useLayoutEffect } from 'preact/hooks'

/** Rows that are drawn beyond the visible ones. */
const BEYOND = 12

/** A stretch of a long list: the rows to draw, and the room that the others take. */
export interface Stretch {
  readonly from: number
  readonly to: number
  readonly above: number
  readonly below: number
}

/** The rows of `height` that lie between `top` and `bottom`, measured from the list's begin. */
export function stretch(count: number, height: number, top: number, bottom: number): Stretch {
  const within = (row: number): number => Math.min(count, Math.max(0, row))
  const from = within(Math.floor(top / height) - BEYOND)
  const to = Math.max(from, within(Math.ceil(bottom / height) + BEYOND))
  return { from, to, above: from * height, below: (count - to) * height }
}

/**
 * The rows of a long list that can be seen. All rows have the height that the
 * list's `--row` says; `box` scrolls, or the page when there is none.
 */
export function useStretch(list: RefObject<HTMLElement | null>, count: number, box?: RefObject<HTMLElement | null>): Stretch {
  const shown = useSignal<Stretch>({ from: 0, to: Math.min(count, 3 * BEYOND), above: 0, below: 0 })
  useLayoutEffect(() => {
    const element = list.current
    if (element === null) return
    const scroller = box?.current ?? null
    const measure = (): void => {
      const height = Number.parseFloat(getComputedStyle(element).getPropertyValue('--row')) || 36
      const edge = scroller?.getBoundingClientRect().top ?? 0
      const top = edge - element.getBoundingClientRect().top
      const next = stretch(count, height, top, top + (scroller?.clientHeight ?? window.innerHeight))
      const now = shown.peek()
      if (next.from !== now.from || next.to !== now.to || next.below !== now.below || next.above !== now.above) shown.value = next
    }
    const target: EventTarget = scroller ?? window
    measure()
    target.addEventListener('scroll', measure, { passive: true })
    window.addEventListener('resize', measure)
    return () => {
      target.removeEventListener('scroll', measure)
      window.removeEventListener('resize', measure)
    }
  }, [count, list, box])
  return shown.value
}
