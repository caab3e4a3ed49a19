/** A run's journal as a file: all events that the server has, one JSON object a line. */

import { call, eventsPage } from './api'
import { isRecord, list, record, text } from './wire/json'
import type { JsonObject } from './wire/json'

interface Page {
  readonly events: readonly JsonObject[]
  readonly next: string
}

/** Reads the journal up to its present end and hands it to the browser's downloads. */
export async function saveJournal(id: string): Promise<void> {
  const lines: string[] = []
  let cursor = ''
  for (;;) {
    const answer = await call('GET', eventsPage(id, cursor), (body): { value: Page } => ({
      value: { events: list(record(body).events).filter(isRecord), next: text(record(body).next_cursor) },
    }))
    // What could be read is worth having.
    if (!answer.ok || answer.value.events.length === 0 || answer.value.next === cursor) break
    for (const event of answer.value.events) lines.push(`${JSON.stringify(event)}\n`)
    cursor = answer.value.next
  }
  const address = URL.createObjectURL(new Blob(lines, { type: 'application/x-ndjson' }))
  const link = document.createElement('a')
  link.href = address
  link.download = `${id}.ndjson`
  link.click()
  setTimeout(() => URL.revokeObjectURL(address), 10_000)
}
