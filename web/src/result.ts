/** What a run has found so far: all that its page needs before its report is there. Pure. */

import type { RunView } from './run'
import { rank } from './severity'
import type { FinalResult, Finding } from './wire/event'
import { isRecord } from './wire/json'
import type { JsonObject } from './wire/json'

/** The event's own fields; every other key of a final result is content. */
const OWN: ReadonlySet<string> = new Set([
  'type', 'run_id', 'seq', 'at', 'elapsed_ms', 'simulated', 'terminal', 'status', 'panel', 'warnings', 'performance',
  'queries', 'result', 'result_ref', 'result_truncated', 'result_bytes', 'result_sha256', 'reason', 'error', 'findings_only',
])

/** The content of a result: its own keys when flattened, else those under `result`. */
export function content(final: FinalResult | undefined): JsonObject {
  if (final === undefined) return {}
  const whole = final as FinalResult & JsonObject
  const flat = Object.fromEntries(Object.entries(whole).filter(([key]) => !OWN.has(key)))
  return isRecord(whole.result) && Object.keys(whole.result).length > 0 ? { ...flat, ...whole.result } : flat
}

/** The findings of the checks, worst first; at once, before any query has ended. */
export function findings(run: RunView): readonly Finding[] {
  return [...(run.checks?.findings ?? [])].sort((a, b) => rank(b.severity) - rank(a.severity))
}

/** Whether only built-in rules answered, so that no model was asked. */
export function onlyRules(run: RunView): boolean {
  const asked = run.queries.filter((query) => query.provider)
  return asked.length > 0 && asked.every((query) => query.provider === 'rules')
}
