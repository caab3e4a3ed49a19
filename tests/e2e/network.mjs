// A network before a server that fails as networks do, and knows which streams are open over it.

import { once } from 'node:events'
import { connect, createServer } from 'node:net'

/** A way to `server` at an address of its own. */
export async function startNetwork(server) {
  const target = Number(new URL(server.url).port)
  const ways = new Set()
  let opened = 0
  const accept = (client) => {
    const upstream = connect(target, '127.0.0.1')
    const way = { client, upstream, held: false, run: undefined }
    ways.add(way)
    const end = () => {
      ways.delete(way)
      // Whoever is behind a dead network hears nothing of an end either.
      if (way.held) return
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end)
    client.on('data', (bytes) => {
      if (way.held) return
      const request = /^GET \S*\/runs\/(run_\w+)\/events\S* HTTP/.exec(bytes.toString('latin1'))
      // A connection that is used again carries something else.
      if (/^[A-Z]+ \S+ HTTP/.test(bytes.toString('latin1'))) way.run = request && /accept: text\/event-stream/i.test(bytes.toString('latin1')) ? request[1] : undefined
      if (way.run) opened += 1
      upstream.write(bytes)
    })
    upstream.on('data', (bytes) => {
      if (way.held) return
      client.write(bytes)
      // The last chunk: the stream is over though its connection is kept.
      if (bytes.subarray(-5).equals(Buffer.from('0\r\n\r\n'))) way.run = undefined
    })
  }
  const relay = createServer(accept)
  const listen = async (port) => {
    relay.listen(port, '127.0.0.1')
    await once(relay, 'listening')
  }
  await listen(0)
  const { port } = relay.address()
  const destroy = () => [...ways].forEach((way) => (way.client.destroy(), way.upstream.destroy()))
  return {
    url: `http://127.0.0.1:${port}`,
    /** The runs of the open streams. */
    streams: () => [...ways].flatMap((way) => (way.run && !way.held ? [way.run] : [])),
    /** How many streams were asked for so far. */
    opened: () => opened,
    /** Cuts everything and lets nobody in. */
    down: () => (relay.close(), destroy()),
    up: () => listen(port),
    /** Streams that are open now carry nothing any more, and nobody is told. */
    hold: () => ways.forEach((way) => (way.held ||= way.run !== undefined)),
    stop: () => (relay.close(), destroy()),
  }
}
