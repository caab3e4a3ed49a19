import { build } from 'vite'
import { expect, it, vi } from 'vitest'
import { gzipSync } from 'node:zlib'

const KB = 1000

it('the page stays within its budget of bytes', { timeout: 120_000 }, async () => {
  // As it is shipped: tests have another environment, and libraries are larger in it.
  vi.stubEnv('NODE_ENV', 'production')
  const built = await build({ root: new URL('..', import.meta.url).pathname, logLevel: 'silent', build: { write: false } })
  const output = (Array.isArray(built) ? built : [built]).flatMap((one) => ('output' in one ? one.output : []))
  const size = (content: string | Uint8Array) => gzipSync(Buffer.from(content)).length
  const chunks = output.flatMap((file) => (file.type === 'chunk' ? [{ ...file, bytes: size(file.code) }] : []))
  // What a first view loads: the entry, the view, and what they import at once.
  const firstView = (...views: readonly string[]) => {
    const wanted = new Set(chunks.filter((chunk) => chunk.isEntry || views.includes(chunk.name)).map((chunk) => chunk.fileName))
    for (const name of wanted) for (const next of chunks.find((chunk) => chunk.fileName === name)?.imports ?? []) wanted.add(next)
    return chunks.filter((chunk) => wanted.has(chunk.fileName))
  }
  const sum = (list: readonly { readonly bytes: number }[]) => list.reduce((all, { bytes }) => all + bytes, 0)
  const css = output.flatMap((file) => (file.type === 'asset' && file.fileName.endsWith('.css') ? [{ bytes: size(file.source) }] : []))
  expect(css.length).toBeGreaterThan(0)
  for (const view of ['NewAudit', 'RunPage', 'History', 'Compare', 'Providers', 'Help']) {
    expect(chunks.filter((chunk) => chunk.name === view).length, view).toBe(1)
    expect(sum(firstView(view)), `JavaScript of ${view} at first`).toBeLessThan(45 * KB)
  }
  // The form fetches its later part by itself: with that it is all that a newcomer loads.
  expect(sum(firstView('NewAudit', 'SentAlong')), 'JavaScript of the whole form').toBeLessThan(45 * KB)
  // Most of it comes when it is asked for: the reading of bills, the report, events, comparisons.
  expect(sum(chunks), 'JavaScript in all').toBeLessThan(104 * KB)
  expect(sum(css), 'styles').toBeLessThan(10 * KB)
})
