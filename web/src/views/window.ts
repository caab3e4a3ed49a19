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
  const view = useSignal({ height: 36, top: 0, bottom: 0 })
  useLayoutEffect(() => {
    const element = list.current
    if (element === null) return
    const scroller = box?.current ?? null
    const measure = (): void => {
      const height = Number.parseFloat(getComputedStyle(element).getPropertyValue('--row')) || 36
      const edge = scroller?.getBoundingClientRect().top ?? 0
      const top = edge - element.getBoundingClientRect().top
      const bottom = top + (scroller?.clientHeight ?? window.innerHeight)
      const now = view.peek()
      if (top !== now.top || bottom !== now.bottom || height !== now.height) view.value = { height, top, bottom }
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
  const { height, top, bottom } = view.value
  return stretch(count, height, top, bottom)
}
