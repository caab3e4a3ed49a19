import type { RefObject } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

/** A menu below a button. */
export interface Menu {
  readonly button: RefObject<HTMLButtonElement | null>
  readonly items: RefObject<HTMLDivElement | null>
  readonly onKeyDown: (event: KeyboardEvent) => void
}

/** Focus and keys of a menu: the arrows walk through it, Escape and whatever happens elsewhere close it. */
export function useMenu(open: boolean, close: () => void): Menu {
  const button = useRef<HTMLButtonElement>(null)
  const items = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (!open) return
    items.current?.querySelector<HTMLElement>('a, button')?.focus()
    const outside = (event: Event) => {
      if (event.target instanceof Node && !items.current?.contains(event.target) && !button.current?.contains(event.target)) close()
    }
    document.addEventListener('pointerdown', outside)
    document.addEventListener('focusin', outside)
    return () => {
      document.removeEventListener('pointerdown', outside)
      document.removeEventListener('focusin', outside)
    }
  }, [open])
  const onKeyDown = (event: KeyboardEvent) => {
    if (!open) return
    if (event.key === 'Escape') {
      close()
      button.current?.focus()
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step === undefined) return
    event.preventDefault()
    const all = [...(items.current?.querySelectorAll<HTMLElement>('a, button') ?? [])]
    const now = all.findIndex((item) => item === document.activeElement)
    all[(now + step + all.length) % all.length]?.focus()
  }
  return { button, items, onKeyDown }
}
