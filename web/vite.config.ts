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

/** Names the files that the first one imports, so that they are asked for at once and not one after the other. */
function preloads(): Plugin {
  return {
    name: 'preloads',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler: (_, { chunk }) => (chunk?.imports ?? []).map((file) => ({ tag: 'link', attrs: { rel: 'modulepreload', crossorigin: true, href: `/${file}` }, injectTo: 'head' as const })),
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
      // After Vite has filled in what imports() need: both forms must be the same.
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
  plugins: [wordsInHtml(), preloads(), compressed()],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    target: 'es2022',
    // The first browsers with light-dark(), so that it is not spelled out.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    outDir: process.env.ASKSTREAM_PAGE_OUT ?? 'dist',
    emptyOutDir: true,
    assetsDir: 'assets',
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    modulePreload: false,
    reportCompressedSize: true,
  },
})
