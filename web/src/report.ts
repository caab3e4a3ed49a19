/** What the report says, as pure functions of the run: order, counts and gaps; no elements. */

import type { FinalResult, Finding, Warning } from './wire/event'
import { isEmpty, isRecord, list, record, text } from './wire/json'
import type { Json, JsonObject } from './wire/json'
import { reason } from './format'
import { isTerminal } from './run'
import type { RunView } from './run'

/** The event's own fields; every other key of a final result is content. */
const OWN: ReadonlySet<string> = new Set([
  'type', 'run_id', 'seq', 'at', 'elapsed_ms', 'simulated', 'terminal', 'status', 'panel', 'warnings', 'performance',
  'queries', 'result', 'result_ref', 'result_truncated', 'result_bytes', 'result_sha256', 'reason', 'error', 'findings_only',
])

/** The sections that come from the technical reading, in the report's order. */
export const TECHNICAL = [
  'project_summary', 'final_specification', 'exposure_analysis', 'structural_analysis', 'durability_analysis',
  'materials_breakdown', 'cost_summary', 'value_engineering', 'otskp_codes',
] as const

/** Keys that a section of the report shows; what is left is shown as further content. */
const SHOWN: ReadonlySet<string> = new Set<string>([
  ...TECHNICAL, 'compliance_status', 'standards_checked', 'compliance_checks', 'risks_identified', 'document_issues',
  'rfi_items', 'recommendations', 'findings', 'conflicts', 'assumptions', 'confidence', 'coverage', 'not_checked',
  'verdict', 'ruleset', 'disclaimer', 'sections', 'asked_models', 'note',
])

/** The two hybrid queries of the audit. */
export const COMPREHENSIVE = 'comprehensive_analysis'
export const COMPLIANCE = 'compliance_risks'

const RANK: Readonly<Record<string, number>> = { critical: 4, high: 3, medium: 2, low: 1, info: 0 }

/** How severe, from 0 (info) to 4 (critical). */
export function rank(severity: Json | undefined): number {
  return RANK[text(severity).toLowerCase()] ?? 0
}

/** The content of a result: its own keys when flattened, else those under `result`. */
export function content(final: FinalResult | undefined): JsonObject {
  if (final === undefined) return {}
  const whole = final as FinalResult & JsonObject
  const flat = Object.fromEntries(Object.entries(whole).filter(([key]) => !OWN.has(key)))
  return isRecord(whole.result) && Object.keys(whole.result).length > 0 ? { ...flat, ...whole.result } : flat
}

/** What no section shows. */
export function further(body: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(body).filter(([key, value]) => !SHOWN.has(key) && !isEmpty(value)))
}

/** The findings of the checks, worst first; at once, before any query has ended. */
export function findings(run: RunView): readonly Finding[] {
  return [...(run.checks?.findings ?? [])].sort((a, b) => rank(b.severity) - rank(a.severity))
}

/** Something to fix: a finding, or a model's risk. */
export interface Fix {
  readonly key: string
  readonly severity: string
  readonly message: string
  readonly rows: readonly number[]
  /** The rule's source, or nothing for a model's risk. */
  readonly finding?: Finding
}

/** What to fix first: findings from medium up, then grave risks that a model named. */
export function fixFirst(run: RunView): readonly Fix[] {
  const found = findings(run)
    .filter((finding) => rank(finding.severity) >= 2)
    .map((finding): Fix => ({
      key: finding.id || finding.rule,
      severity: finding.severity,
      message: finding.message,
      rows: finding.rows ?? [],
      finding,
    }))
  // The rules' own risks repeat their findings; a model's are new.
  const byRules = run.queries.find((query) => query.id === COMPLIANCE)?.provider === 'rules'
  const named = byRules ? [] : risks(content(run.final)).filter((risk) => rank(risk.severity) >= 3)
  const all = [...found, ...named.map((risk): Fix => ({
    key: text(risk.id),
    severity: text(risk.severity),
    message: text(risk.title) || text(risk.description),
    rows: [],
  }))]
  return all.sort((a, b) => rank(b.severity) - rank(a.severity))
}

/** The risks that speak of the project, worst first; a failed query is no risk of the project. */
export function risks(body: JsonObject): readonly JsonObject[] {
  return list(body.risks_identified)
    .filter(isRecord)
    .filter((risk) => risk.kind !== 'system')
    .sort((a, b) => rank(b.severity) - rank(a.severity))
}

/** A gap of the audit. */
export interface Gap {
  readonly section: string
  readonly reason: string
  readonly query: string
}

/** What was not checked, and why; a query that did not succeed is never passed over. */
export function gaps(run: RunView): readonly Gap[] {
  const stated = list(content(run.final).not_checked).map((entry): Gap => {
    const gap = record(entry)
    return isRecord(entry)
      ? { section: text(gap.section), reason: text(gap.reason), query: text(gap.query) }
      : { section: text(entry), reason: '', query: '' }
  })
  const open = run.queries.filter((query) => query.phase !== 'done' && !stated.some((gap) => gap.query === query.id))
  return isTerminal(run) ? [...stated, ...open.map((query) => ({ section: query.title, reason: reason(query.error), query: '' }))] : stated
}

/** Whether the query's sections can be shown: it ended well. */
export function answered(run: RunView, query: string): boolean {
  const found = run.queries.find((one) => one.id === query)
  return found !== undefined && found.phase === 'done'
}

/** Whether only built-in rules answered, so that no model was asked. */
export function onlyRules(run: RunView): boolean {
  const asked = run.queries.filter((query) => query.provider)
  return asked.length > 0 && asked.every((query) => query.provider === 'rules')
}

/** The warnings of the run, each sentence once. */
export function warnings(run: RunView): readonly Warning[] {
  const all = [...(run.final?.warnings ?? []), ...run.warnings]
  const seen = new Set<string>()
  return all.filter((warning) => {
    const key = warning.message
    if (!key || seen.has(key)) return false
    seen.add(key)
    return true
  })
}

/** A row of the bill with the findings that name it. */
export interface Position {
  readonly index: number
  readonly row: JsonObject
  readonly flags: readonly Finding[]
}

/** The bill's rows, each with what is wrong with it. */
export function positions(run: RunView): readonly Position[] {
  const flagged = findings(run).filter((finding) => rank(finding.severity) >= 1)
  return (run.input.positions ?? []).map((row, index) => ({
    index,
    row,
    flags: flagged.filter((finding) => finding.rows?.includes(index)),
  }))
}

/** Findings and gaps in numbers: to fix (high and up), to verify (low and medium), not checked. */
export function counts(run: RunView): { readonly fix: number; readonly verify: number; readonly missing: number } {
  const ranks = findings(run).map((finding) => rank(finding.severity))
  return {
    fix: ranks.filter((value) => value >= 3).length,
    verify: ranks.filter((value) => value === 1 || value === 2).length,
    missing: gaps(run).length,
  }
}
