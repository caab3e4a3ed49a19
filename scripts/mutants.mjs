// Proof that the tests bite: changes one line of the program at a time, and sees a named test fail.
//
//   node scripts/mutants.mjs                 all of tests/mutants/mutants.mjs; prints a table and n/N
//   node scripts/mutants.mjs breaker retry   only those whose name holds one of these words
//   node scripts/mutants.mjs --check         only whether each line that would be changed is there, once
//
// Works on a copy of the last commit below target/, so that nothing here is
// changed. Each mutant is built and tested alone: about a minute each. A mutant
// that does not build proves nothing and counts as a failure, like one whose
// text is not found exactly once.

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mutants } from '../tests/mutants/mutants.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const tree = join(root, 'target', 'mutants', 'tree')
const target = join(root, 'target', 'mutants', 'target')
const env = { ...process.env, ASKSTREAM_WEB: 'off', CARGO_TARGET_DIR: target, CARGO_TERM_COLOR: 'never' }
const git = (...args) => execFileSync('git', args, { cwd: root, encoding: 'utf8' }).trim()

if (process.argv.includes('--check')) {
  const lost = mutants.filter(({ file, from }) => readFileSync(join(root, file), 'utf8').split(from).length !== 2)
  lost.forEach(({ name, file }) => console.error(`${file} does not hold the line of the mutant "${name}" exactly once`))
  console.log(`${mutants.length - lost.length}/${mutants.length} mutants have their line`)
  process.exit(lost.length === 0 ? 0 : 1)
}

const words = process.argv.slice(2)
const wanted = mutants.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)))

if (existsSync(tree)) git('worktree', 'remove', '--force', tree)
git('worktree', 'prune')
git('worktree', 'add', '--detach', '--force', tree, 'HEAD')
let caught = 0
try {
  const names = [...new Set(wanted.map(({ test }) => test))]
  const sound = run(names)
  if (!sound.ok) throw new Error(`the tests fail without any mutant:\n${sound.text.slice(-3000)}`)
  console.log(`${names.length} tests pass as things are\n`)
  console.log('| mutant | place | turns red |\n|---|---|---|')
  for (const mutant of wanted) {
    const why = judge(mutant)
    if (why === undefined) caught += 1
    console.log(`| ${mutant.name} | ${mutant.file} | ${why ?? `\`${mutant.test}\``} |`)
  }
} finally {
  git('worktree', 'remove', '--force', tree)
}
console.log(`\n${caught}/${wanted.length} mutants were caught`)
process.exit(caught === wanted.length && wanted.length > 0 ? 0 : 1)

/** Why a mutant was not caught; nothing if it was. */
function judge({ file, from, to, test }) {
  const path = join(tree, file)
  const text = readFileSync(path, 'utf8')
  if (text.split(from).length !== 2) return 'NOT CAUGHT: its text is not there exactly once'
  writeFileSync(path, text.replace(from, () => to))
  const { ok, text: said } = run([test])
  writeFileSync(path, text)
  if (ok) return `NOT CAUGHT: \`${test}\` still passes`
  if (!new RegExp(`^test ${test.replace(/^it::/, '')} .*FAILED$`, 'm').test(said)) return `NOT CAUGHT: it does not build\n${said.slice(-1500)}`
  return undefined
}

/** Runs tests by their full names, those of the integration tests where that begins with `it::`. */
function run(tests) {
  const isIt = (test) => test.startsWith('it::')
  const unit = tests.filter((test) => !isIt(test))
  const it = tests.filter(isIt).map((test) => test.slice(4))
  const ran = [
    ...(unit.length > 0 ? [cargo(['--lib'], unit)] : []),
    ...(it.length > 0 ? [cargo(['--test', 'it'], it)] : []),
  ]
  return { ok: ran.every(({ ok }) => ok), text: ran.map(({ text }) => text).join('\n') }
}

function cargo(which, tests) {
  const ran = spawnSync('cargo', ['test', '--locked', ...which, '--', '--exact', ...tests], {
    cwd: tree,
    env,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    timeout: 600_000,
  })
  const text = `${ran.stdout}\n${ran.stderr}`
  const passed = [...text.matchAll(/^test .* ok$/gm)].length
  return { ok: ran.status === 0 && passed === tests.length, text }
}
