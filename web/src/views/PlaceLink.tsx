import { useEffect } from 'preact/hooks'
import { place, placeAddress, show } from '../place'
import type { Kind } from '../place'

/** A link to a place of the report on this page; its address works elsewhere as well. */
export function PlaceLink({ kind, name, text }: { kind: Kind; name: string; text: string }) {
  const follow = (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    show(kind, name)
  }
  return (
    <a href={placeAddress(kind, name)} onClick={follow}>
      {text}
    </a>
  )
}

/** Brings the place that the address names into view, once it is there; `ids` are the elements by their names. */
export function useShown(kind: Kind, idOf: (name: string) => string | undefined): string | undefined {
  const wished = place.value
  const name = wished?.kind === kind ? wished.name : undefined
  const id = name === undefined ? undefined : idOf(name)
  useEffect(() => {
    const element = id === undefined ? null : document.getElementById(id)
    element?.scrollIntoView({ block: 'center' })
    element?.focus({ preventScroll: true })
  }, [id, wished?.at])
  return name
}
