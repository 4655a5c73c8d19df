/** What a change makes of the head: edited, checked as far as it can have gone wrong, and as the lines that are new. */
import { SluiceError } from '@sluice/errors'
import { deltaBetween, emptyConfig, entitiesOf, lineOf, readLine, SegmentedConfig } from '@sluice/proto/config'
import type { Warning } from '../validation/problem.ts'
import type { Validation } from '../validation/validate.ts'
import type { Change } from './changes.ts'
import { checkGuardrails } from '../guardrails/guardrails.ts'
import { problemsError } from './config-problems.ts'
import type { DocumentIndex } from './document-index.ts'
import { partToCheck } from './part-to-check.ts'
import { findEntity, type WrittenDocument } from './resources.ts'
import type { StoredRevision } from './stored-revisions.ts'

type Secrets = Readonly<Record<string, string>>

export interface CheckedChange {
  readonly validation: Validation
  readonly document: WrittenDocument
  readonly secrets: Secrets
  readonly config: SegmentedConfig
  /** From the head to it. */
  readonly delta: readonly string[]
  /** All there are, in the order of the document, where they had to be made anyhow. */
  readonly lines?: readonly string[]
}

/** Throws what the change throws, `config.*` for problems. `index` is asked for when a part is enough. */
export async function checkChange(change: Change, head: StoredRevision | undefined, index: () => DocumentIndex): Promise<CheckedChange> {
  const edited = change.edit(head?.document ?? { version: 1 })
  if (change.touches === 'everything' || head === undefined) return checkWhole(change, edited, head)
  return checkPart(change, edited as WrittenDocument, head, index())
}

async function checkWhole(change: Change, edited: unknown, head: StoredRevision | undefined): Promise<CheckedChange> {
  const validation = await change.validate(edited, head?.secrets ?? {})
  if (validation.problems.length > 0) throw change.refuse?.(validation.problems, edited) ?? problemsError(validation.problems, change.base?.(edited))
  const { secrets = {}, ...document } = validation.revision!
  const warnings = keepGuardrails(change, document, undefined)
  const before = head?.config ?? emptyConfig
  const lines = entitiesOf(validation.revision!).map(([key, value]) => [key, lineOf(key, value)] as const)
  const written = SegmentedConfig.ofLines(lines)
  const delta = deltaBetween(before, written)
  if (change.isForced !== true) checkShrinking(delta, head)
  return { validation: withWarnings(validation, warnings), document, secrets, delta, config: written, lines: lines.map(([, line]) => line) }
}

/** Throws `config.guardrail` and answers what is only told; `only` are the resources that the change can have made worse. */
function keepGuardrails(change: Change, edited: WrittenDocument, only: ReadonlySet<string> | undefined): readonly Warning[] {
  const { problems, warnings } = checkGuardrails(edited, { nowMs: Date.now(), only, isLenient: change.isLenient === true })
  if (problems.length > 0) throw problemsError(problems, change.base?.(edited))
  return warnings
}

function withWarnings(validation: Validation, more: readonly Warning[]): Validation {
  const told = new Set(validation.warnings.map(({ message }) => message))
  return { ...validation, warnings: [...validation.warnings, ...more.filter(({ message }) => !told.has(message))] }
}

/** What a change of these can make break a guardrail; undefined: everything. */
function concerned(touched: ReadonlySet<string>, index: DocumentIndex): ReadonlySet<string> | undefined {
  if ([...touched].some((resource) => resource.startsWith('policies'))) return undefined
  const routes = [...touched].filter((resource) => resource.startsWith('upstreams/')).flatMap((resource) => [...index.routesTo(resource.slice('upstreams/'.length))])
  return new Set([...touched, ...routes.map((name) => `routes/${name}`)])
}

/** Fewer than this may go at once, whatever their share. */
const minGone = 100
const maxShare = 0.2

/** A configuration that lacks much of what is served is more often cut off than meant. Throws `config.shrinks`. */
function checkShrinking(delta: readonly string[], head: StoredRevision | undefined): void {
  const before = head?.document.routes?.length ?? 0
  if (before < minGone) return
  const gone = delta.map(readLine).filter(({ key, value }) => value === undefined && key.startsWith('routes/')).length
  if (gone < minGone || gone <= before * maxShare) return
  throw new SluiceError('config.shrinks', { detail: `${gone} of ${before} routes would go; \`sluice apply --force\`, or ?force=true, makes it so all the same`, extra: { routes: before, gone } })
}

async function checkPart(change: Change, edited: WrittenDocument, head: StoredRevision, index: DocumentIndex): Promise<CheckedChange> {
  const touched = new Set(change.touches)
  const { validation, secrets } = await checkUntilSettled(change, edited, touched, head, index)
  const warnings = keepGuardrails(change, edited, concerned(touched, index))
  const keys = new Set([...touched].map(entityOf))
  const unused = unusedReferences(keys, head, index, secrets)
  const kept = { ...head.secrets, ...secrets }
  for (const reference of unused) delete kept[reference]
  const delta = [
    ...[...keys].map((key) => lineOf(key, findEntity(edited, key))),
    ...Object.keys(secrets).filter((reference) => secrets[reference] !== head.secrets[reference]).map((reference) => lineOf(`secrets/${reference}`, secrets[reference])),
    ...unused.map((reference) => lineOf(`secrets/${reference}`, undefined)),
  ]
  const config = head.config.with(delta)
  return { validation: withWarnings(validation, warnings), document: edited, secrets: kept, config, delta: deltaBetween(head.config, config) }
}

/** A reference in the part may have another value now: whoever else has it is looked at, too. */
async function checkUntilSettled(change: Change, edited: WrittenDocument, touched: ReadonlySet<string>, head: StoredRevision, index: DocumentIndex): Promise<{ validation: Validation; secrets: Secrets }> {
  const looked = new Set(touched)
  for (;;) {
    const part = partToCheck(edited, looked, index)
    const found = await change.validate(part.document, head.secrets, Object.keys(edited.upstreams ?? {}))
    const problems = found.problems.map((problem) => ({ ...problem, path: part.toWhole(problem.path) }))
    if (problems.length > 0) throw change.refuse?.(problems, edited) ?? problemsError(problems, change.base?.(edited))
    const { secrets = {} } = found.revision!
    const before = looked.size
    for (const [reference, value] of Object.entries(secrets)) if (head.secrets[reference] !== value) for (const user of index.usersOf(reference)) looked.add(user)
    if (looked.size === before) return { validation: { ...found, warnings: found.warnings.filter((warning) => isNews(warning, looked)).map((warning) => ({ ...warning, path: part.toWhole(warning.path) })) }, secrets }
  }
}

/** How two routes stand to each other is told to whoever writes one of them. */
function isNews({ between }: Warning, looked: ReadonlySet<string>): boolean {
  return between === undefined || between.some((name) => looked.has(`routes/${name}`))
}

/** References of what was there before that nothing holds any more: their values must not stay. */
function unusedReferences(keys: ReadonlySet<string>, head: StoredRevision, index: DocumentIndex, used: Secrets): string[] {
  return Object.keys(head.secrets).filter((reference) => {
    if (Object.hasOwn(used, reference)) return false
    const users = index.usersOf(reference)
    return [...users].every((user) => keys.has(user))
  })
}

/** `policies/cors` stands in the one entity `policies`. */
function entityOf(resource: string): string {
  return resource.startsWith('policies/') ? 'policies' : resource
}
