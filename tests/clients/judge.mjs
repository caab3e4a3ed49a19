// What a client has seen, against the run's journal in its two other forms and against what the model said.

import assert from 'node:assert/strict'
import { ANSWER_MS, SILENCE_MS, TEXT } from './text.mjs'

/** The events are the journal's, each once and in order, byte by byte; their number. */
export async function assertWhole(server, events) {
  const run = JSON.parse(events[0]?.data ?? '{}').run_id
  assert.ok(run, 'no run_started')
  const lines = (await read(server, run, 'application/x-ndjson')).trimEnd().split('\n')
  const journal = lines.map((data) => {
    const { type, seq } = JSON.parse(data)
    return { id: `${run}.${seq}`, type, data }
  })
  const seen = events.map(({ id, type, data }) => ({ id, type, data }))
  for (const [at, event] of journal.entries()) assert.deepEqual(seen[at], event, `event ${at + 1} of ${journal.length}`)
  assert.equal(seen.length, journal.length, `and then ${JSON.stringify(seen[journal.length])}`)
  await assertPage(server, run, journal)
  assertAnswer(journal.map(({ data }) => JSON.parse(data)))
  return { run, count: journal.length }
}

async function assertPage(server, run, journal) {
  const { events, terminal } = JSON.parse(await read(server, run, 'application/json'))
  assert.ok(terminal)
  assert.deepEqual(events, journal.map(({ data }) => JSON.parse(data)))
}

async function read(server, run, accept) {
  const response = await fetch(`${server}/api/v1/runs/${run}/events?deltas=true`, { headers: { accept } })
  assert.equal(response.status, 200)
  return response.text()
}

/** Pieces, answer and final result all say what the model said, and nothing went wrong on the way. */
function assertAnswer(events) {
  const of = (type) => events.filter((event) => event.type === type)
  assert.equal(of('query_delta').map((event) => event.text).join(''), TEXT, 'the pieces are not what the model said')
  assert.ok(of('query_delta').length > 1, 'the answer did not come in pieces')
  assert.deepEqual(of('query_completed').map((event) => event.result), [TEXT], 'the answer is not what the model said')
  const [final, ...more] = of('final_result')
  assert.deepEqual(more, [])
  assert.equal(events.at(-1), final)
  assert.equal(final.status, 'completed')
  assert.equal(final.result.answers.answer, TEXT, 'the final result is not what the model said')
}

/** One event at a time: the first came long before the silence was over, and the pieces not all at once. */
export function assertLive(events) {
  const at = (type) => events.filter((event) => event.type === type).map((event) => event.at)
  const [started] = at('query_started')
  const pieces = at('query_delta')
  const silence = Math.round(pieces[0] - started)
  assert.ok(silence > 0.5 * SILENCE_MS, `query_started came only ${silence} ms before the answer`)
  const answer = Math.round(pieces.at(-1) - pieces[0])
  assert.ok(answer > 0.2 * ANSWER_MS, `the whole answer came within ${answer} ms`)
  return silence
}
