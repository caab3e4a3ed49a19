// What an end-to-end test needs: a server with an empty home, and a browser that tells on the page.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

export const root = fileURLToPath(new URL('../..', import.meta.url))
export const binary = process.env.ASKSTREAM_BINARY ?? join(root, 'target', 'release', 'askstream')
const CHROMIUM = '/usr/bin/chromium'
const START_MS = 5000
const STOP_MS = 5000

/**
 * A running server with a home of its own, without a key and, unless `config` is given, without a configuration file.
 * `files` are further files of that home by their paths.
 */
export async function startServer({ config, env = {}, files = {} } = {}) {
  if (!existsSync(binary)) throw new Error('target/release/askstream is missing: cargo build --release')
  const home = mkdtempSync(join(tmpdir(), 'askstream-e2e-'))
  // Read from the directory that the server is started in.
  if (config !== undefined) writeFileSync(join(home, 'askstream.toml'), config)
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(home, name)), { recursive: true })
    writeFileSync(join(home, name), content)
  }
  let said = ''
  const start = async (port) => {
    const child = spawn(binary, ['serve', '--port', String(port), '--print-url', '--no-open'], {
      cwd: home,
      env: { PATH: process.env.PATH, HOME: home, RUST_LOG: 'warn', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.stderr.setEncoding('utf8').on('data', (text) => (said += text))
    const exited = once(child, 'exit')
    const line = once(createInterface({ input: child.stdout }), 'line').then(([first]) => first)
    const url = await Promise.race([line, exited.then(() => undefined), late(START_MS)])
    return { child, exited, url }
  }
  let running = await start(0)
  const end = async (signal) => {
    const { child, exited } = running
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await Promise.race([exited, late(STOP_MS)])
    child.kill('SIGKILL')
    await exited
  }
  const stop = async () => {
    await end('SIGTERM')
    rmSync(home, { recursive: true, force: true })
  }
  if (running.url === undefined) {
    await stop()
    throw new Error(`the server did not start: ${said}`)
  }
  const url = running.url.replace(/\/$/, '')
  return {
    url,
    stop,
    /** Kills it, as a power cut would. */
    kill: () => end('SIGKILL'),
    /** Starts it again over the same files at the same address. */
    revive: async () => {
      running = await start(new URL(url).port)
      if (running.url === undefined) throw new Error(`the server did not come back: ${said}`)
    },
  }
}

/** Debian's Chromium, without the services that would look for hosts of its maker. */
export function startBrowser() {
  return chromium.launch({
    executablePath: CHROMIUM,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--disable-dev-shm-usage',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
}

/** What a page says of requests that a test cuts off on purpose. */
export const CUT_OFF = /Failed to load resource: net::ERR_/

/** The pages of the test that is running. */
let opened = []

/** What the pages since the last call complained about, and nobody had allowed. */
export function takeComplaints() {
  const taken = opened
  opened = []
  return taken.flatMap(({ complaints, allow }) => complaints.filter((one) => !allow.some((pattern) => pattern.test(one))))
}

/**
 * A page that keeps what it complains about: errors, violations of the content policy, requests to
 * anybody else. A test fails with any of them unless `allow` has a pattern for it.
 */
export async function openPage(browser, server, { allow = [], ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  const complaints = []
  opened.push({ complaints, allow })
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(`console: ${message.text()}`)
  })
  page.on('pageerror', (error) => complaints.push(`uncaught: ${error.message}`))
  page.on('crash', () => complaints.push('the page crashed'))
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  context.on('request', (request) => {
    const asked = request.url()
    if (!asked.startsWith(`${server.url}/`) && !/^(data|blob|about):/.test(asked)) complaints.push(`asked ${asked}`)
  })
  return { page, complaints, close: () => context.close() }
}

function late(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
