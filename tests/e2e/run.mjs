// Runs the end-to-end tests: `node tests/e2e/run.mjs [PART OF A NAME]`.
//
// Each `*.test.mjs` beside this file exports `tests`, an object of functions by
// their sentence. One server and one browser serve them all; a test that needs a
// server of its own starts one. A test fails as well when one of its pages logs an
// error, breaks the content policy or asks another origin, unless it said so before.

import { readdirSync } from 'node:fs'
import { startBrowser, startServer, takeComplaints } from './lab.mjs'

const LIMIT_MS = 60_000

const wanted = process.argv[2] ?? ''
const files = readdirSync(new URL('.', import.meta.url)).filter((name) => name.endsWith('.test.mjs')).sort()
const tests = []
for (const file of files) {
  const module = await import(`./${file}`)
  for (const [name, run] of Object.entries(module.tests)) {
    if (name.includes(wanted) || file.includes(wanted)) tests.push({ name, run })
  }
}

const server = await startServer()
const browser = await startBrowser()
let failed = 0
try {
  for (const { name, run } of tests) {
    const began = Date.now()
    try {
      takeComplaints()
      await limited(run({ server, browser }))
      const complaints = takeComplaints()
      if (complaints.length > 0) throw new Error(`the page complained:\n  ${complaints.join('\n  ')}`)
      console.log(`ok    ${name} (${Date.now() - began} ms)`)
    } catch (error) {
      failed += 1
      console.error(`FAIL  ${name} (${Date.now() - began} ms)\n${error.stack ?? error}`)
    }
  }
} finally {
  await browser.close()
  await server.stop()
}
console.log(`${tests.length - failed} passed, ${failed} failed`)
// A run of no tests proves nothing.
process.exit(failed === 0 && tests.length > 0 ? 0 : 1)

function limited(test) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${LIMIT_MS / 1000} s`)), LIMIT_MS)
  })
  return Promise.race([test, late]).finally(() => clearTimeout(timer))
}
