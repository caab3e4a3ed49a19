// Panels of a test's own over the fault lab: as many queries as it wants, each with the model that misbehaves as it wants.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { binary, startServer } from './lab.mjs'

/** The fault lab on a free port. */
export async function startFaultLab() {
  const child = spawn(binary, ['mock', '--port', '0', '--print-url', '--log', '/dev/null'], { stdio: ['ignore', 'pipe', 'ignore'] })
  const exited = once(child, 'exit')
  const [url] = await once(createInterface({ input: child.stdout }), 'line')
  return { url: url.replace(/\/$/, ''), stop: async () => (child.kill('SIGKILL'), exited) }
}

/**
 * A server with panel `lab`, whose `queries` are `{ id, model, needs, lines }`: `model` is one of the fault
 * lab, or a list in fallback order, each `PROVIDER/MODEL` (`lab` without one); `limits` are lines of
 * `[providers.lab]`, `config` more of the configuration, `panel` lines of the panel's head.
 */
export async function startPanel({ queries, limits = '', config = '', panel = '' }) {
  const lab = await startFaultLab()
  const home = mkdtempSync(join(tmpdir(), 'askstream-panel-'))
  const folder = join(home, 'askstream', 'panels', 'lab')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'prompt.md'), '{{question}}{% for other in others %} {{ other.answer }}{% endfor %}\n')
  writeFileSync(join(folder, 'panel.toml'), `title = "Lab"\n${panel}\n${queries.map(table).join('\n')}\n[merge]\nneed = 1\n`)
  const provider = (name) => `[providers.${name}]\nkind = "openai"\nbase_url = "${lab.url}/v1"\nmodel = "echo"\n`
  const server = await startServer({
    config: `${config}\n${provider('spare')}${provider('lab')}${limits}\n`,
    env: { XDG_CONFIG_HOME: home },
  })
  return {
    ...server,
    lab,
    /** Makes a run; its id. */
    ask: async (options = {}) => {
      const body = JSON.stringify({ panel: 'lab', question: 'Is the slab safe?', options: { on_disconnect: 'continue', ...options } })
      const answer = await fetch(`${server.url}/api/v1/runs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
      const { run_id: id, ...rest } = await answer.json()
      if (id === undefined) throw new Error(`refused: ${JSON.stringify(rest)}`)
      return id
    },
    /** The run as the server shows it. */
    look: async (id) => (await fetch(`${server.url}/api/v1/runs/${id}`)).json(),
    stop: async () => {
      await server.stop()
      await lab.stop()
      rmSync(home, { recursive: true, force: true })
    },
  }
}

function table({ id, model, needs = [], lines = '' }) {
  const models = [model].flat().map((name) => (name.includes('/') ? name : `lab/${name}`))
  return `[[query]]\nid = "${id}"\ntitle = "${id[0].toUpperCase()}${id.slice(1)}"\nneeds = ${JSON.stringify(needs)}\nmodels = ${JSON.stringify(models)}\nprompt = "prompt.md"\n${lines}\n`
}
