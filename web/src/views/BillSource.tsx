import { useEffect, useRef } from 'preact/hooks'
import { useSaid } from '../notice'
import type { Taking } from '../taking'
import { say } from '../words'

/** Where a bill comes in: a file is chosen or dropped; what the server refuses is told here. */
export function BillSource({ taking }: { taking: Taking }) {
  const field = useRef<HTMLInputElement>(null)
  const refused = taking.refused.value
  const why = refused && [refused.text, refused.hint].filter(Boolean).join(' ')
  useSaid(taking.busy.value ? say('boq.reading') : '')
  useSaid(why, 'alarm')
  useEffect(() => {
    // Missed by a little, the browser would leave the page for the file.
    const stay = (event: DragEvent) => {
      if (event.defaultPrevented || !has(event)) return
      event.preventDefault()
      if (event.dataTransfer) event.dataTransfer.dropEffect = 'none'
    }
    window.addEventListener('dragover', stay)
    window.addEventListener('drop', stay)
    return () => {
      window.removeEventListener('dragover', stay)
      window.removeEventListener('drop', stay)
    }
  }, [])
  const choose = () => {
    const file = field.current?.files?.[0]
    if (file) void taking.takeFile(file)
    // The same file can be chosen again, after it was changed.
    if (field.current) field.current.value = ''
  }
  return (
    <div class="boq-source" data-testid="boq-drop">
      <input ref={field} type="file" class="unseen" tabIndex={-1} aria-hidden="true" data-testid="boq-file" onChange={choose} />
      <button type="button" onClick={() => field.current?.click()}>
        {say('boq.choose')}
      </button>
      <span class="hint">{taking.busy.value ? say('boq.reading') : say('boq.drop')}</span>
      {why && (
        <p class="fault" data-testid="boq-refused">
          {why}
        </p>
      )}
    </div>
  )
}

/** What makes an element take dropped files. */
export function dropping(take: (files: FileList) => void) {
  return {
    onDragOver: (event: DragEvent & { currentTarget: HTMLElement }) => {
      if (!has(event)) return
      event.preventDefault()
      event.currentTarget.dataset.over = 'true'
    },
    onDragLeave: (event: DragEvent & { currentTarget: HTMLElement }) => {
      const inside = event.relatedTarget instanceof Node && event.currentTarget.contains(event.relatedTarget)
      if (!inside) delete event.currentTarget.dataset.over
    },
    onDrop: (event: DragEvent & { currentTarget: HTMLElement }) => {
      delete event.currentTarget.dataset.over
      if (!has(event) || event.dataTransfer === null) return
      event.preventDefault()
      take(event.dataTransfer.files)
    },
  }
}

/** Whether files are dragged. */
function has(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes('Files') === true
}
