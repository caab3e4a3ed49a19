// Serves eventsource.html and passes /ask-stream on to askstream.
//
//   node examples/eventsource.mjs [http://127.0.0.1:8787] [PORT]
//
// askstream answers pages of its own origin only, so an application stands
// before it: one origin for the page and the stream, and its own login.

import { readFileSync } from 'node:fs'
import { createServer, request } from 'node:http'

const askstream = new URL(process.argv[2] ?? 'http://127.0.0.1:8787')
const port = Number(process.argv[3] ?? 8000)
const page = readFileSync(new URL('eventsource.html', import.meta.url))

const server = createServer((asked, answer) => {
  if (asked.url === '/') {
    answer.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page)
  } else if (asked.url.startsWith('/ask-stream')) {
    const passed = request(new URL(asked.url, askstream), { method: asked.method, headers: asked.headers }, (stream) => {
      answer.writeHead(stream.statusCode, stream.headers)
      stream.pipe(answer)
    })
    passed.on('error', () => answer.destroy())
    // A browser that leaves must be seen to leave.
    answer.on('close', () => passed.destroy())
    asked.pipe(passed)
  } else {
    answer.writeHead(404).end()
  }
})
server.listen(port, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/`))
