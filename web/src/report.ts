/** What the report says, as pure functions of the run: order, counts and gaps; no elements. */

import type { Finding, Warning } from './wire/event'
import { count, isEmpty, isList, isRecord, list, record, text } from './wire/json'
import type { JsonObject } from './wire/json'
import { content, findings } from './result'
import { isClosed, isTerminal, isWanted } from './run'
import type { QueryView, RunView } from './run'
import { whyOpen } from './sentences'
import { rank } from './severity'

/** The sections that come from the technical reading, in the report's order. */
export const TECHNICAL = [
  'project_summary', 'final_specification', 'exposure_analysis', 'structural_analysis', 'durability_analysis',
  'materials_breakdown', 'cost_summary', 'value_engineering', 'otskp_codes',
] as const

/** Keys that a section of the report shows; what is left is shown as further content. */
const SHOWN: ReadonlySet<string> = new Set<string>([
  ...TECHNICAL, 'compliance_status', 'standards_checked', 'compliance_checks', 'risks_identified', 'document_issues',
  'rfi_items', 'recommendations', 'findings', 'conflicts', 'assumptions', 'confidence', 'coverage', 'not_checked',
  'verdict', 'ruleset', 'disclaimer', 'sections', 'asked_models', 'note', 'evidence',
])

/** The two hybrid queries of the audit. */
export const COMPREHENSIVE = 'comprehensive_analysis'
export const COMPLIANCE = 'compliance_risks'

/** Whether the result is laid out as an audit: it has checks, or sections that only an audit has. */
export function isAudit(run: RunView): boolean {
  const asked = run.queries.some((query) => query.of === COMPREHENSIVE || query.of === COMPLIANCE)
  return asked || run.checks !== undefined || content(run.final).compliance_status !== undefined
}

const RECORDS = ['compliance_checks', 'standards_checked', 'risks_identified', 'conflicts'] as const

/** Sections whose shape is not the one that is laid out; they are shown as they came. */
export function odd(body: JsonObject): JsonObject {
  const wrong = (key: string) => !isEmpty(body[key]) && !(isList(body[key]) && list(body[key]).every(isRecord))
  const status = body.compliance_status
  const keys: string[] = RECORDS.filter(wrong)
  if (!isEmpty(status) && !isRecord(status)) keys.push('compliance_status')
  // An answer that is no object stands under its query's name.
  for (const query of [COMPREHENSIVE, COMPLIANCE]) if (!isEmpty(body[query])) keys.push(query)
  return Object.fromEntries(keys.map((key) => [key, body[key]]))
}

/** What no section shows. */
export function further(body: JsonObject): JsonObject {
  const raw = odd(body)
  return Object.fromEntries(Object.entries(body).filter(([key, value]) => !SHOWN.has(key) && !Object.hasOwn(raw, key) && !isEmpty(value)))
}

/** Something to fix: a finding, or a model's risk. */
export interface Fix {
  readonly key: string
  readonly severity: string
  readonly message: string
  readonly rows: readonly number[]
  /** The rule's finding, or nothing for a model's risk. */
  readonly finding?: Finding
}

/** What a finding is called in links. */
export function nameOf(finding: Finding): string {
  return finding.id || finding.rule
}

/** What to fix first: findings from medium up, then grave risks that a model named. */
export function fixFirst(run: RunView): readonly Fix[] {
  const found = findings(run)
    .filter((finding) => rank(finding.severity) >= 2)
    .map((finding): Fix => ({
      key: nameOf(finding),
      severity: finding.severity,
      message: finding.message,
      rows: finding.rows ?? [],
      finding,
    }))
  // The rules' own risks repeat their findings; a model's are new.
  const byRules = askedAs(run, COMPLIANCE)?.provider === 'rules'
  const named = byRules ? [] : risks(content(run.final)).filter((risk) => rank(risk.severity) >= 3)
  const all = [...found, ...named.map((risk): Fix => ({ key: risk.key, severity: risk.severity, message: risk.title, rows: [] }))]
  return all.sort((a, b) => rank(b.severity) - rank(a.severity))
}

/** A risk of the register. */
export interface Risk {
  /** Its id, else its place; what a link names it by. */
  readonly key: string
  readonly severity: string
  readonly category: string
  readonly title: string
  readonly fields: JsonObject
}

/** The risks that speak of the project, worst first; a failed query is no risk of the project. */
export function risks(body: JsonObject): readonly Risk[] {
  return list(body.risks_identified)
    .filter(isRecord)
    .filter((risk) => risk.kind !== 'system')
    .map((fields, index): Risk => ({
      key: text(fields.id) || `R-${index + 1}`,
      severity: text(fields.severity),
      category: text(fields.category),
      title: text(fields.title) || text(fields.description),
      fields,
    }))
    .sort((a, b) => rank(b.severity) - rank(a.severity))
}

const MOST_CATEGORIES = 6

/** The risks by category and severity; no answer gives a likelihood, so this is an index and no matrix of likelihood. */
export interface RiskIndex {
  readonly categories: readonly string[]
  /** Worst first; one list of risks for each category. */
  readonly rows: readonly { readonly level: number; readonly cells: readonly (readonly Risk[])[] }[]
}

/** Where each risk stands in the index; the last column takes what has no column of its own. */
export function riskIndex(register: readonly Risk[]): RiskIndex {
  const all = [...new Set(register.map((risk) => risk.category))]
  const categories = all.length > MOST_CATEGORIES ? [...all.slice(0, MOST_CATEGORIES - 1), ''] : all
  const columnOf = (risk: Risk) => (categories.includes(risk.category) ? risk.category : '')
  const levels = [...new Set(register.map((risk) => rank(risk.severity)))].sort((a, b) => b - a)
  const rows = levels.map((level) => ({
    level,
    cells: categories.map((category) => register.filter((risk) => rank(risk.severity) === level && columnOf(risk) === category)),
  }))
  return { categories, rows }
}

/** A gap of the audit. */
export interface Gap {
  readonly section: string
  readonly reason: string
  readonly query: string
}

/** What was not checked, and why; a query that did not succeed is never passed over. */
export function gaps(run: RunView): readonly Gap[] {
  if (!isTerminal(run)) return []
  const stated = list(content(run.final).not_checked).map((entry): Gap => {
    const gap = record(entry)
    return isRecord(entry)
      ? { section: gap.section === 'positions' ? '' : text(gap.section), reason: text(gap.reason), query: text(gap.query) }
      : { section: text(entry), reason: '', query: '' }
  })
  const open = run.queries.filter((query) => query.phase !== 'done' && isWanted(query) && !stated.some((gap) => gap.query === query.id || gap.query === query.of))
  return [...stated, ...open.map((query) => ({ section: '', reason: whyOpen(query, run), query: query.id }))]
}

/** What the report rests on, a line for each query: there from the start, so that nothing moves when it is filled. */
export interface Ground {
  readonly query: QueryView
  readonly state: 'awaited' | 'answered' | 'open' | 'unasked'
  /** Sections without a statement, by their reason. */
  readonly missing: readonly { readonly reason: string; readonly sections: readonly string[] }[]
  /** Rows of the bill that did not reach its model, and those that did; of several parts the first tells of all. */
  readonly unsent: number
  readonly sent?: number
}

/** What each query has given so far. */
export function grounds(run: RunView): readonly Ground[] {
  const coverage = record(content(run.final).coverage ?? run.checks?.coverage)
  const total = count(coverage.positions_total) ?? 0
  const open = gaps(run)
  return run.queries.map((query) => {
    const parts = run.queries.filter((one) => one.of === query.of)
    const sent = query === parts[0] ? count(record(coverage.positions_sent)[query.of]) : undefined
    const missing = new Map<string, string[]>()
    // What all parts of a query leave open stands with the first that did not answer.
    const first = parts.find((one) => one.phase !== 'done')
    const own = (gap: Gap) => gap.query === query.id || (gap.query === query.of && query === first)
    for (const gap of open.filter(own)) {
      // The run's own words for what happened to the query say more than the merge's, but for the rows it had.
      const why = query.phase === 'done' || gap.section === '' ? gap.reason : whyOpen(query, run)
      missing.set(why, [...(missing.get(why) ?? []), ...(gap.section ? [gap.section] : [])])
    }
    return {
      query,
      state: query.phase === 'done' ? 'answered' : !isWanted(query) ? 'unasked' : isClosed(query) ? 'open' : 'awaited',
      missing: [...missing].map(([why, sections]) => ({ reason: why, sections })),
      unsent: sent === undefined ? 0 : Math.max(0, total - sent),
      sent,
    }
  })
}

/** A query of the panel as it was asked; of several parts the first that has answered. */
export function askedAs(run: RunView, query: string): QueryView | undefined {
  const parts = run.queries.filter((one) => one.of === query)
  return parts.find((one) => one.phase === 'done') ?? parts[0]
}

/** Whether the query's sections can be shown: it ended well, or a part of it did. */
export function answered(run: RunView, query: string): boolean {
  return askedAs(run, query)?.phase === 'done'
}

/** The warnings of the run, each sentence once; why a query failed stands with what was not checked. */
export function warnings(run: RunView): readonly Warning[] {
  const all = [...(run.final?.warnings ?? []), ...run.warnings]
  const failed = new Set(run.queries.flatMap(({ id, of, error }) => (error ? [`${id} ${error.code}`, `${of} ${error.code}`] : [])))
  const seen = new Set<string>()
  return all.filter((warning) => {
    const key = warning.message
    if (!key || seen.has(key) || failed.has(`${warning.source ?? warning.query} ${warning.code}`)) return false
    seen.add(key)
    return true
  })
}

/** A row of the bill with the findings that name it, gravest first. */
export interface Position {
  readonly index: number
  readonly row: JsonObject
  readonly flags: readonly Finding[]
}

/** The bill's rows, each with what is wrong with it. */
export function positions(run: RunView): readonly Position[] {
  const flags = new Map<number, Finding[]>()
  for (const finding of findings(run)) {
    if (rank(finding.severity) < 1) continue
    for (const row of finding.rows ?? []) flags.set(row, [...(flags.get(row) ?? []), finding])
  }
  return (run.input.positions ?? []).map((row, index) => ({ index, row, flags: flags.get(index) ?? [] }))
}

/** Findings and gaps in numbers: to fix (high and up), to verify (low and medium), not checked. */
export function counts(run: RunView): { readonly fix: number; readonly verify: number; readonly missing: number } {
  const ranks = findings(run).map((finding) => rank(finding.severity))
  return {
    fix: ranks.filter((value) => value >= 3).length,
    verify: ranks.filter((value) => value === 1 || value === 2).length,
    missing: gaps(run).length + grounds(run).filter((ground) => ground.unsent > 0).length,
  }
}

/** Queries of which each needs the one before, and how long they took together. */
export interface Chain {
  readonly titles: readonly string[]
  readonly time: number
}

/** What set the pace of a run: the chain that took longest. */
export function longestChain(queries: readonly QueryView[], times: Readonly<Record<string, number>>): Chain {
  const known = new Map<string, Chain>()
  const longest = (chains: readonly Chain[]) => chains.reduce((one, other) => (other.time > one.time ? other : one), { titles: [], time: 0 })
  const chainTo = (query: QueryView): Chain => {
    const found = known.get(query.id)
    if (found) return found
    const before = longest(queries.filter(({ id }) => query.dependsOn.includes(id)).map(chainTo))
    const chain = { titles: [...before.titles, query.title], time: before.time + (times[query.id] ?? 0) }
    known.set(query.id, chain)
    return chain
  }
  return longest(queries.map(chainTo))
}
