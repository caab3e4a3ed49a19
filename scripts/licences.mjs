// Checks that every dependency's licence can be met by one that we accept.
//
// Reads `cargo metadata` for every platform that is built here and the npm
// locks; needs nothing but Node. Exceptions are named, with their reason.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const accepted = new Set([
  'MIT',
  'MIT-0',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'Zlib',
  'Unicode-3.0',
  'CC0-1.0',
  'CDLA-Permissive-2.0',
  '0BSD',
  'BSL-1.0',
])

// Used unchanged while building or testing, and not part of what is built; weak copyleft, per file, or as it says.
const exceptions = {
  'cargo:option-ext': { licence: 'MPL-2.0', why: 'expands a path while the macro of rust-embed runs; not in the binary' },
  'npm:axe-core': { licence: 'MPL-2.0', why: 'judges the page in the end-to-end tests, unchanged; not in the bundle' },
  'npm:fast-sha256': { licence: 'Unlicense', why: "in the public domain; part of a vendor's library that tests ask" },
  'npm:lightningcss': { licence: 'MPL-2.0', why: 'squeezes the style sheet while Vite runs; not in the bundle' },
}

/** Whether `expression` (SPDX, or the older `A/B`) can be met by licences for which `accepts` holds. */
export function isMet(expression, accepts) {
  const tokens = expression.replaceAll('/', ' OR ').match(/[()]|[^\s()]+/g) ?? []
  let at = 0
  const either = () => {
    let met = both()
    while (tokens[at] === 'OR') {
      at += 1
      met = both() || met
    }
    return met
  }
  const both = () => {
    let met = one()
    while (tokens[at] === 'AND') {
      at += 1
      met = one() && met
    }
    return met
  }
  const one = () => {
    const token = tokens[at]
    at += 1
    if (token === undefined || ['AND', 'OR', 'WITH', ')'].includes(token)) throw new Error(`not a licence expression: ${expression}`)
    if (token === '(') {
      const met = either()
      if (tokens[at] !== ')') throw new Error(`not a licence expression: ${expression}`)
      at += 1
      return met
    }
    if (tokens[at] !== 'WITH') return accepts(token)
    // An exception only adds permissions.
    at += 2
    return accepts(token)
  }
  const met = either()
  if (at !== tokens.length) throw new Error(`not a licence expression: ${expression}`)
  return met
}

function cargo() {
  const host = /^host: (.*)$/m.exec(execFileSync('rustc', ['-vV'], { encoding: 'utf8' }))?.[1] ?? ''
  const arguments_ = ['metadata', '--format-version', '1', '--locked', '--filter-platform', host]
  const metadata = JSON.parse(execFileSync('cargo', arguments_, { encoding: 'utf8', maxBuffer: 256 << 20 }))
  return metadata.packages.map(({ name, version, license }) => ({ kind: 'cargo', name, version, licence: license }))
}

function npm(lock) {
  const { packages } = JSON.parse(readFileSync(lock, 'utf8'))
  return Object.entries(packages)
    .filter(([path]) => path !== '')
    .map(([path, { version, license }]) => ({ kind: 'npm', name: path.replace(/^.*node_modules\//, ''), version, licence: license }))
}

function fault({ kind, name, version, licence }) {
  const shown = `${kind} ${name} ${version}`
  if (!licence) return `${shown}: says nothing of its licence`
  const exception = Object.entries(exceptions).find(([known]) => {
    // lightningcss-linux-x64-gnu and the like are parts of lightningcss.
    const whole = `${kind}:${name}`
    return whole === known || whole.startsWith(`${known}-`)
  })
  const accepts = (one) => accepted.has(one) || one === exception?.[1].licence
  try {
    return isMet(licence, accepts) ? undefined : `${shown}: ${licence} is not among the licences that we accept`
  } catch (error) {
    return `${shown}: ${error.message}`
  }
}

function test() {
  const cases = [
    ['MIT', true],
    ['MIT/Apache-2.0', true],
    ['Apache-2.0 / MIT', true],
    ['(MIT OR Apache-2.0) AND Unicode-3.0', true],
    ['GPL-3.0 OR MIT', true],
    ['GPL-3.0', false],
    ['MIT AND GPL-3.0', false],
    ['MIT OR GPL-3.0 AND GPL-2.0', true],
    ['Apache-2.0 WITH LLVM-exception', true],
    ['GPL-2.0 WITH Classpath-exception-2.0', false],
  ]
  for (const [expression, met] of cases) {
    if (isMet(expression, (one) => accepted.has(one)) !== met) throw new Error(`${expression} should be ${met}`)
  }
}

test()
const locks = ['web', 'tests/e2e', 'tests/sdks', 'tests/clients'].map((folder) => `${folder}/package-lock.json`)
const dependencies = [...cargo(), ...locks.flatMap(npm)]
const faults = dependencies.map(fault).filter((found) => found !== undefined)
for (const found of faults) console.error(found)
console.log(`${dependencies.length} dependencies, ${faults.length} with a licence that we do not accept`)
process.exitCode = faults.length === 0 ? 0 : 1
