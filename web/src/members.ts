/** A panel whose members answer one question: who they are, and what their run has made of the answers. Pure. */

import { isWanted } from './query'
import type { QueryView } from './query'
import type { RunView } from './run'
import { list, record, text } from './wire/json'
import type { JsonObject } from './wire/json'

/** Whether the members of a run are to be shown side by side. */
export function isRound(run: RunView, body: JsonObject): boolean {
  return list(body.responses).length > 0 || run.queries.some((query) => query.role !== undefined || query.copyOf !== undefined)
}

/** Who answers the question, in the panel's order; nobody whom no condition wanted. */
export function membersOf(run: RunView): readonly QueryView[] {
  const sees = (query: QueryView) => query.dependsOn.some((id) => query.after?.includes(id) !== true)
  return run.queries.filter((query) => !sees(query) && isWanted(query))
}

/** The names of queries as people know them. */
export function namesOf(run: RunView, ids: readonly unknown[]): readonly string[] {
  return ids.map((id) => run.queries.find((query) => query.id === id)?.title ?? String(id))
}

/** How far the answers agree, as the result says it. */
export function agreementOf(body: JsonObject): { readonly level: string; readonly groups: readonly (readonly string[])[]; readonly undecided: readonly string[] } {
  const agreement = record(body.agreement)
  const texts = (value: JsonObject[string] | undefined) => list(value).map((one) => text(one))
  return { level: text(agreement.level), groups: list(agreement.groups).map(texts), undecided: texts(agreement.undecided) }
}
