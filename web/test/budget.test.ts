import { build } from 'vite'
import { expect, it } from 'vitest'
import { gzipSync } from 'node:zlib'

const KB = 1000

it('the page stays within its budget of bytes', { timeout: 120_000 }, async () => {
  const built = await build({ root: new URL('..', import.meta.url).pathname, logLevel: 'silent', build: { write: false } })
  const output = (Array.isArray(built) ? built : [built]).flatMap((one) => ('output' in one ? one.output : []))
  const size = (content: string | Uint8Array) => gzipSync(Buffer.from(content)).length
  const chunks = output.flatMap((file) => (file.type === 'chunk' ? [{ ...file, bytes: size(file.code) }] : []))
  // What the first HTML loads: its entry, and what that imports at once.
  const wanted = new Set(chunks.filter((chunk) => chunk.isEntry).map((chunk) => chunk.fileName))
  for (const name of wanted) for (const next of chunks.find((chunk) => chunk.fileName === name)?.imports ?? []) wanted.add(next)
  const sum = (list: readonly { readonly bytes: number }[]) => list.reduce((all, { bytes }) => all + bytes, 0)
  const css = output.flatMap((file) => (file.type === 'asset' && file.fileName.endsWith('.css') ? [{ bytes: size(file.source) }] : []))
  expect(wanted.size).toBeGreaterThan(0)
  expect(css.length).toBeGreaterThan(0)
  expect(sum(chunks.filter((chunk) => wanted.has(chunk.fileName))), 'JavaScript at first').toBeLessThan(45 * KB)
  expect(sum(chunks), 'JavaScript in all').toBeLessThan(60 * KB)
  expect(sum(css), 'styles').toBeLessThan(10 * KB)
})
