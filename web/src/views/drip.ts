import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { printing } from '../print'

/** So many are drawn at once: long ones are as much as a frame has time for. */
const AT_ONCE = 2

/** How many of `n` heavy parts are drawn: one more with each frame, so that no frame is late; on paper all. */
export function useDrip(n: number): number {
  const drawn = useSignal(AT_ONCE)
  useEffect(() => {
    if (drawn.value >= n) return undefined
    const frame = requestAnimationFrame(() => (drawn.value += 1))
    return () => cancelAnimationFrame(frame)
  }, [n, drawn.value])
  return printing.value ? n : drawn.value
}
