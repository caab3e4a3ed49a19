// The ways to follow a run outside a browser: a library in a process of its own, and curl.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const here = (file) => fileURLToPath(new URL(file, import.meta.url))

/** A library of npm or PyPI; what it says is in client.mjs. */
export const npm = (library) => (order) => aside(process.execPath, [here('client.mjs'), library], order)
export const pypi = (library, python) => (order) => aside(python, [here('client.py'), library], order)

async function aside(command, args, { url, when, last, heard, opened }) {
  let rest = ''
  let end
  const read = (text) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()
    for (const line of lines) {
      const said = JSON.parse(line)
      if (said.open) opened()
      if (said.event) heard(...said.event)
      end = said.end ?? end
    }
  }
  const { stderr } = await run(command, [...args, url, when, ...(last ? [last] : [])], read)
  return end ?? `it broke off: ${stderr}`
}

const HEARTBEAT = /: keep-alive\n/y
const BLOCK = /id: ([A-Za-z0-9._-]{1,128})\nevent: ([a-z_]+)\n(?:retry: \d+\n)?data: (\{[^\r\n]*\})\n\n/y

/** curl, and a reader that takes the contract's bytes and no others; `beat` learns of heartbeats. */
export async function curl({ url, last, heard, beat, coding }) {
  let rest = ''
  const take = (pattern) => {
    pattern.lastIndex = 0
    const found = pattern.exec(rest)
    if (found) rest = rest.slice(found[0].length)
    return found
  }
  const read = (text) => {
    for (rest += text; rest !== ''; ) {
      if (take(HEARTBEAT)) {
        beat?.()
        continue
      }
      const block = take(BLOCK)
      if (!block) return
      heard(block[1], block[2], block[3])
    }
  }
  const headers = last ? ['-H', `Last-Event-ID: ${last}`] : []
  const args = ['-sS', '-N', '--compressed', ...headers, '-w', '%{stderr}status %{http_code}\n%header{content-encoding}', url]
  const { stderr, code } = await run('curl', args, read)
  const [status, found] = stderr.split('\n')
  if (code !== 0) return `curl's exit code ${code}`
  if (rest !== '') return `unreadable: ${JSON.stringify(rest.slice(0, 200))}`
  if (status !== 'status 200') return status
  if (found !== (coding ?? '')) return `the coding is "${found}"`
  return 'the stream ended'
}

/** None outlives us, whatever went wrong. */
const children = new Set()
process.on('exit', () => children.forEach((child) => child.kill()))

function run(command, args, read) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', read)
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text))
    child.on('error', (error) => resolve({ stderr: String(error) }))
    child.on('close', (code) => resolve({ stderr, code }))
    children.add(child)
  })
}
