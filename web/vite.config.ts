import { brotliCompressSync, gzipSync } from 'node:zlib'
import { defineConfig } from 'vite'
import type { Plugin } from 'vite'
import { en } from './src/words.ts'

/** Puts the catalogue's words into the first HTML, so that the frame is readable before any script. */
function wordsInHtml(): Plugin {
  const catalogue: Readonly<Record<string, string>> = en
  return {
    name: 'words-in-html',
    transformIndexHtml: {
      order: 'pre',
      handler: (html) =>
        html.replace(/\{\{([\w.]+)\}\}/g, (_, key: string) => {
          const words = catalogue[key]
          if (words === undefined) throw new Error(`index.html: no word ${key}`)
          return words
        }),
    },
  }
}

/** Writes .br and .gz beside each asset, where that saves something. */
function compressed(): Plugin {
  return {
    name: 'compressed',
    enforce: 'post',
    apply: 'build',
    generateBundle: {
      // After Vite has filled in what it leaves open in chunks that load others.
      order: 'post',
      handler(_, bundle) {
        for (const [fileName, file] of Object.entries(bundle)) {
          if (!fileName.startsWith('assets/')) continue
          const bytes = Buffer.from(file.type === 'chunk' ? file.code : file.source)
          for (const [ending, squeeze] of [['br', brotliCompressSync], ['gz', gzipSync]] as const) {
            const source = squeeze(bytes)
            if (source.length < bytes.length) this.emitFile({ type: 'asset', fileName: `${fileName}.${ending}`, source })
          }
        }
      },
    },
  }
}

export default defineConfig({
  plugins: [wordsInHtml(), compressed()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    outDir: process.env.ASKSTREAM_PAGE_OUT ?? 'dist',
    emptyOutDir: true,
    assetsDir: 'assets',
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    modulePreload: false,
    reportCompressedSize: true,
  },
})
