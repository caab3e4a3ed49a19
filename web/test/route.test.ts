import { beforeAll, describe, expect, it, vi } from 'vitest'
import { within } from '../src/base'

let routes: typeof import('../src/route')
beforeAll(async () => {
  vi.stubGlobal('location', { pathname: '/', search: '', hash: '' })
  routes = await import('../src/route')
})

describe('routes', () => {
  it('are known, or a run, or unknown', () => {
    const pages = ['/', '/runs', '/runs/compare', '/runs/run_1', '/providers', '/help', '/runs/', '/runs/a/b', '/nope', '/toString', ''].map((path) => routes.parseRoute(path).page)
    expect(pages).toEqual(['form', 'runs', 'compare', 'run', 'providers', 'help', 'unknown', 'unknown', 'unknown', 'unknown', 'unknown'])
  })

  it('lie below the path of the server', () => {
    expect(within('/runs', '')).toBe('/runs')
    expect(within('/audit/runs', '/audit')).toBe('/runs')
    expect(['/audit', '/auditor/x', '/runs'].map((path) => within(path, '/audit'))).toEqual([undefined, undefined, undefined])
  })

  it('keep the parameters that nobody changes', () => {
    expect(routes.changed('?tab=events&row=17', { tab: 'report' })).toBe('?tab=report&row=17')
    expect(routes.changed('?q=a', { q: '' })).toBe('')
    expect(routes.changed('', { q: 'a b' })).toBe('?q=a+b')
  })
})
