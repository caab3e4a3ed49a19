// A provider that speaks chat completions over a real socket and does what a test says.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect, createServer as createRelay } from 'node:net'
import { join } from 'node:path'
import { root, startServer } from './lab.mjs'

/** The audit's two queries, told apart by their temperature. */
export const COMPREHENSIVE = 'comprehensive_analysis'
export const COMPLIANCE = 'compliance_risks'

const answer = (name) => JSON.parse(readFileSync(join(root, 'panels/audit/simulated', `${name}.json`), 'utf8'))
export const ANSWERS = { [COMPREHENSIVE]: answer('comprehensive'), [COMPLIANCE]: answer('compliance') }

/**
 * `play(query, call)` says what a call gets: `{ first, status, body }`, or
 * `{ first, every, pieces, text }` in milliseconds, pieces and answer; silence is `{ first: Infinity }`, and
 * `cut` tears the connection down after so many pieces.
 */
export async function startProvider(play, host = '127.0.0.1') {
  const seen = { calls: 0, open: 0 }
  const server = createServer(async (request, response) => {
    // A list of models is no call.
    if (request.method !== 'POST') return void response.writeHead(404).end()
    seen.calls += 1
    seen.open += 1
    response.on('close', () => (seen.open -= 1))
    let body = ''
    for await (const chunk of request) body += chunk
    const query = JSON.parse(body).temperature === 0.3 ? COMPREHENSIVE : COMPLIANCE
    const { status = 200, body: said, first = 0, every = 10, pieces = 20, cut = Infinity, text = JSON.stringify(ANSWERS[query]) } = play(query, seen.calls)
    if (first !== Infinity) await rest(first)
    if (status !== 200) {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(said ?? { error: { message: 'as the test says' } }))
      return
    }
    if (first === Infinity) return
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    // Whole characters: half of one is no JSON.
    const letters = [...text]
    const size = Math.ceil(letters.length / pieces)
    for (let at = 0; at < letters.length && !response.destroyed; at += size) {
      if (at >= cut * size) return void response.destroy()
      response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: letters.slice(at, at + size).join('') } }] })}\n\n`)
      await rest(every)
    }
    response.write(`data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\n`)
    response.write(`data: ${JSON.stringify({ choices: [], usage: { prompt_tokens: 100, completion_tokens: 50, total_tokens: 150 } })}\n\n`)
    response.end('data: [DONE]\n\n')
  })
  server.listen(0, host)
  await once(server, 'listening')
  return { host, port: server.address().port, seen, stop: () => (server.closeAllConnections(), server.close()) }
}

/** A server whose default model is that provider. `limits` are lines of its `[providers.lab]`. */
export async function startServerWith(provider, limits = '', files = {}) {
  const lab = `[providers.lab]\nkind = "openai"\nbase_url = "http://${provider.host}:${provider.port}/v1"\nmodel = "lab-1"\n`
  return startServer({ config: `${lab}${limits}\n`, files })
}

/** A relay before a server, whose connections can be cut. */
export async function startRelay(server) {
  const target = Number(new URL(server.url).port)
  const pairs = new Set()
  const relay = createRelay((client) => {
    const upstream = connect(target, '127.0.0.1')
    const pair = [client, upstream]
    pairs.add(pair)
    const end = () => {
      pairs.delete(pair)
      pair.forEach((socket) => socket.destroy())
    }
    pair.forEach((socket) => socket.on('error', end).on('close', end))
    client.pipe(upstream)
    upstream.pipe(client)
  })
  relay.listen(0, '127.0.0.1')
  await once(relay, 'listening')
  return {
    url: `http://127.0.0.1:${relay.address().port}`,
    cut: () => [...pairs].forEach(([client, upstream]) => (client.resetAndDestroy(), upstream.destroy())),
    stop: () => ([...pairs].flat().forEach((socket) => socket.destroy()), relay.close()),
  }
}

function rest(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
