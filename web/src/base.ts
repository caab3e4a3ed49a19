/** Where the page is: the path below which its server is found, and which build of the page this is. */

/** What comes before every address of ours: "" or, say, "/audit". */
export const BASE = told('base').replace(/\/$/, '')

/** The build of this page; the server says another one after an update. */
export const BUILD = told('build')

/** An address of ours as the browser must ask for it. */
export function at(address: string): string {
  return `${BASE}${address}`
}

/** The address without what comes before it; nothing when it lies elsewhere. */
export function within(path: string, base: string = BASE): string | undefined {
  if (base === '') return path
  return path.startsWith(`${base}/`) ? path.slice(base.length) : undefined
}

function told(name: string): string {
  // Tests have no document.
  if (typeof document === 'undefined') return ''
  return document.querySelector(`meta[name="askstream-${name}"]`)?.getAttribute('content') ?? ''
}
