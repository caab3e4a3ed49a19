// What the clients are shown: a fault lab, a server whose models play there, relays and nginx before it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { panels, script } from './text.mjs'

const START_MS = 20_000
const STOP_MS = 5000
const TRIES = 5
/** Debian's user and group that own nothing. */
const NOBODY = 65534

/** Starts lab and server below one temporary directory; `binary` is askstream. */
export async function openStage(binary) {
  const home = mkdtempSync(join(tmpdir(), 'askstream-clients-'))
  const children = []
  // Whatever goes wrong, nothing of it is left.
  process.on('exit', () => children.forEach(({ child }) => child.kill()))
  const start = (name, command, args, options = {}) => {
    const child = spawn(command, args, { cwd: home, stdio: ['pipe', 'pipe', 'pipe'], ...options })
    const one = { name, child, said: '' }
    children.push(one)
    child.on('error', (error) => (one.said += error.message))
    child.stderr.setEncoding('utf8').on('data', (text) => (one.said += text))
    return one
  }
  const line = async (one) => {
    const lines = createInterface({ input: one.child.stdout })
    const first = await Promise.race([once(lines, 'line'), once(lines, 'close'), late(START_MS)])
    if (!first?.length) throw new Error(`${one.name} did not start: ${one.said}`)
    return first[0]
  }
  const stop = async () => {
    for (const { child } of children.reverse()) await end(child)
    rmSync(home, { recursive: true, force: true })
  }
  try {
    writeFileSync(join(home, 'lab.toml'), script())
    const log = join(home, 'lab.jsonl')
    const lab = await line(start('the lab', binary, ['mock', '--port', '0', '--print-url', '--script', 'lab.toml', '--log', log]))
    const config = configure(home, lab)
    const args = ['serve', '--port', '0', '--print-url', '--no-open', '--store', 'memory', '--config', config]
    const env = { PATH: process.env.PATH, HOME: home, RUST_LOG: 'warn' }
    const url = (await line(start('the server', binary, args, { env }))).replace(/\/$/, '')
    const to = new URL(url).host
    return {
      url,
      lab,
      stop,
      async relay() {
        const relay = start('a relay', binary, ['mock', 'relay', '--to', to])
        return { url: `http://${await line(relay)}`, cut: () => relay.child.stdin.write('reset\n') }
      },
      nginx: (lines) => nginx(start, url, lines, children),
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Writes the server's configuration; the path of its file. */
function configure(home, lab) {
  const directory = join(home, '.config', 'askstream')
  mkdirSync(join(directory, 'panels'), { recursive: true })
  for (const [name, text] of panels()) writeFileSync(join(directory, 'panels', name), text)
  writeFileSync(join(directory, 'panels', 'prompt.md'), '@user\n{{ question }}\n')
  const config = join(directory, 'config.toml')
  // Only the models' clocks are ours: what keeps the streams alive is the default.
  const clocks = 'first_content = "40s"\nidle = "40s"\nper_query = "60s"\nmax_in_flight = 64\n'
  writeFileSync(config, `[providers.lab]\nkind = "openai"\nbase_url = "${lab.replace(/\/$/, '')}/v1"\nmodel = "brisk"\n${clocks}`)
  return config
}

/** nginx as nobody, with a plain `proxy_pass` and `lines` besides; its address. */
async function nginx(start, url, lines, children) {
  for (let left = TRIES; ; left -= 1) {
    const port = await freePort()
    const home = mkdtempSync(join(tmpdir(), 'askstream-nginx-'))
    writeFileSync(join(home, 'nginx.conf'), nginxConfig(port, url, lines))
    const who = process.getuid() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
    if (who.uid) chownSync(home, NOBODY, NOBODY)
    const one = start('nginx', nginxBinary, ['-e', 'stderr', '-p', home, '-c', 'nginx.conf', '-g', 'daemon off;'], {
      cwd: '/',
      ...who,
    })
    one.child.on('exit', () => rmSync(home, { recursive: true, force: true }))
    const there = `http://127.0.0.1:${port}`
    if (await answers(there, one.child)) return { url: there }
    // Somebody else took the port, or it does not start at all.
    children.splice(children.indexOf(one), 1)
    await end(one.child)
    if (left === 1) throw new Error(`nginx did not start: ${one.said}`)
  }
}

/** Not on everybody's path: it is for administrators. */
const nginxBinary = '/usr/sbin/nginx'

/** Relative paths are below the prefix; only the paths that would need root are ours. */
function nginxConfig(port, url, lines) {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `  ${name}_temp_path ${name};\n`).join('')
  return `pid nginx.pid;
error_log stderr warn;
worker_processes 1;
events {}
http {
  access_log off;
${temporary}  ${lines}
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass ${url};
    }
  }
}
`
}

async function answers(url, child) {
  for (const until = Date.now() + START_MS; Date.now() < until && child.exitCode === null && child.pid; ) {
    // Somebody else on that port is not our server.
    const health = await fetch(`${url}/health`).then((response) => response.ok, () => false)
    if (health) return child.exitCode === null
    await late(50)
  }
  return false
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

async function end(child) {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const left = await Promise.race([exited, late(STOP_MS)])
  if (!left) child.kill('SIGKILL')
}

function late(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
