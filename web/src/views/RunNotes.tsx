import type { RunView } from '../run'
import { notesOf } from '../sentences'
import { say } from '../words'

/** What a reader of the run should know besides its rows: restarts, a run without a place, warnings. */
export function RunNotes({ run }: { run: RunView }) {
  const notes = notesOf(run)
  if (notes.length === 0) return null
  return (
    <ul class="run-notes" data-testid="run-notes" aria-label={say('note.title')}>
      {notes.map((note, index) => (
        <li key={index}>{note}</li>
      ))}
    </ul>
  )
}
