/** Which rows of a long table are near the screen, so that only those are in the page. */

import { useSignal } from '@preact/signals'
import type { RefObject } from 'preact'
import { useEffect } from 'preact/hooks'

/** Up to so many rows all of them are drawn. */
const FEW = 40
const BESIDE = 10
const CARDS = '(max-width: 720px)'

/** First row and the one after the last; all of them where there are few, or where rows are cards. */
export function useNearby(count: number, height: number, body: RefObject<HTMLElement | null>): readonly [number, number] {
  const from = useSignal(0)
  const to = useSignal(FEW)
  const long = count > FEW
  useEffect(() => {
    if (!long) return
    let frame = 0
    const look = () => {
      frame = 0
      if (body.current === null) return
      const above = -body.current.getBoundingClientRect().top
      const cards = window.matchMedia(CARDS).matches
      from.value = cards ? 0 : Math.max(0, Math.floor(above / height) - BESIDE)
      to.value = cards ? count : Math.ceil((above + window.innerHeight) / height) + BESIDE
    }
    const soon = () => {
      if (frame === 0) frame = requestAnimationFrame(look)
    }
    // Paper has no screen that rows could be near.
    const all = () => {
      from.value = 0
      to.value = count
    }
    look()
    window.addEventListener('beforeprint', all)
    window.addEventListener('afterprint', look)
    window.addEventListener('scroll', soon, { passive: true })
    window.addEventListener('resize', soon)
    return () => {
      cancelAnimationFrame(frame)
      window.removeEventListener('beforeprint', all)
      window.removeEventListener('afterprint', look)
      window.removeEventListener('scroll', soon)
      window.removeEventListener('resize', soon)
    }
  }, [long, count, height])
  if (!long) return [0, count]
  const last = Math.min(count, Math.max(to.value, BESIDE))
  return [Math.min(from.value, Math.max(0, last - BESIDE)), last]
}
