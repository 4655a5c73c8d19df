/** Policies wherever they stand: known, built, with the settings their own schema takes, each once at its place. */
import type { PolicySchema } from '@sluice/policies/policy'
import { notBuiltPolicies } from '@sluice/proto/config'
import { isMap, type DocumentView, type Part, type Settings, textOf } from './document-view.ts'
import { nearestName } from './nearest-name.ts'
import { oneOf, type Path, pointerOf, type ProblemList } from './problem.ts'
import { addShapeProblems, shapeErrorMap } from './shape.ts'

/** The policies that there are, by type. */
export type PolicySchemas = ReadonlyMap<string, PolicySchema<never>>

interface PolicyParts {
  readonly policies: PolicySchemas
  /** Pointers to references that could not be read, which is a problem already. */
  readonly unread: ReadonlySet<string>
  readonly notBuilt: (path: Path) => readonly string[]
  readonly problems: ProblemList
}

/** Policies in policies, such as `any`, end somewhere. */
const maxDepth = 5

/** `written` shows in sentences, `resolved` (references replaced by their values) is what is checked. */
export function checkPolicies(view: DocumentView, written: unknown, resolved: unknown, parts: PolicyParts): void {
  const places: readonly { path: Path; settings: unknown }[] = [{ path: [], settings: resolved }, ...view.upstreams, ...view.routes, ...view.groups]
  for (const place of places) {
    const list = isMap(place.settings) ? place.settings['policies'] : undefined
    if (!Array.isArray(list)) continue
    const path = [...place.path, 'policies']
    for (const [index, entry] of list.entries()) checkEntry(entry, [...path, index], at(written, [...path, index]), parts, 0)
    checkTwice(list, path, parts.problems)
  }
  for (const plan of view.plans) checkPlanLimits(plan, written, parts)
}

/** A plan holds settings of policies without their names. */
function checkPlanLimits({ path, settings }: Part, written: unknown, parts: PolicyParts): void {
  for (const [setting, type] of [['limit', 'rate-limit'], ['quota', 'quota']] as const) {
    const schema = parts.policies.get(type)
    if (schema !== undefined) checkSettings(schema, settings[setting], [...path, setting], at(written, [...path, setting]), parts, 0)
  }
}

function checkEntry(entry: unknown, path: Path, written: unknown, parts: PolicyParts, depth: number): void {
  if (!isMap(entry)) return
  const types = Object.keys(entry)
  checkSingle(types, path, parts.problems)
  for (const type of types) {
    const schema = parts.policies.get(type)
    if (schema !== undefined) checkSettings(schema, entry[type], [...path, type], at(written, [type]), parts, depth)
    else if (types.length === 1) parts.problems.add(() => unknownPolicy(type, path, parts.policies))
  }
}

/** The usual cause: settings that stand as deep as the policy's name. */
function checkSingle(types: readonly string[], path: Path, problems: ProblemList): void {
  if (types.length === 1) return
  const message = types.length === 0 ? 'an entry without a policy' : `${types.map((type) => JSON.stringify(type)).join(' and ')} stand in one entry`
  problems.add({ path, message, expected: 'one policy an entry, its settings deeper than its name, such as "- cors: { origins: [ … ] }"', code: 'config.invalid' })
}

function unknownPolicy(type: string, path: Path, policies: PolicySchemas) {
  const at = { path: [...path, type], onKey: true } as const
  if (notBuiltPolicies.includes(type)) return { ...at, message: `the policy "${type}" is not built yet`, code: 'config.not_built' } as const
  const known = [...policies.keys()]
  const nearest = nearestName(type, [...known, ...notBuiltPolicies])
  return { ...at, message: `there is no policy "${type}"`, expected: oneOf(known, 30), nearest, code: 'config.invalid' } as const
}

function checkSettings(schema: PolicySchema<never>, settings: unknown, path: Path, written: unknown, parts: PolicyParts, depth: number): void {
  // `false` switches a policy off; anything else that is no map is a matter of the entry's shape.
  if (!isMap(settings)) return
  const { problems, notBuilt, unread } = parts
  const parsed = schema.settings.safeParse(settings, shapeErrorMap)
  const issues = parsed.error?.issues.filter((issue) => !unread.has(pointerOf([...path, ...(issue.path as Path)]))) ?? []
  if (!parsed.success) return addShapeProblems(issues, { schema: schema.settings, base: path, written, notBuilt, problems })
  for (const problem of schema.problems?.(parsed.data) ?? []) {
    if (unread.has(pointerOf([...path, ...problem.path]))) continue
    problems.add({ path: [...path, ...problem.path], message: problem.message, code: 'config.invalid' })
  }
  for (const nested of schema.nested?.(parsed.data) ?? []) {
    const inner = [...path, ...nested.path]
    if (nested.mustIdentify === true) checkIdentifies(nested.entry, inner, parts)
    checkInForce(nested.entry, inner, problems)
    if (depth < maxDepth) checkEntry(nested.entry, inner, at(written, nested.path), parts, depth + 1)
    else problems.add({ path: inner, message: 'policies stand inside each other too deeply', expected: `at most ${maxDepth} levels`, code: 'config.invalid' })
  }
}

function checkIdentifies(entry: Settings, path: Path, { policies, problems }: PolicyParts): void {
  const known = [...policies.values()].filter((schema) => schema.identity === true).map((schema) => schema.name)
  for (const type of Object.keys(entry)) {
    if (!policies.has(type) || known.includes(type)) continue
    problems.add({ path: [...path, type], onKey: true, message: `"${type}" does not say who is calling`, expected: oneOf(known), code: 'config.invalid' })
  }
}

/** A part of a policy decides with the others or not at all. */
function checkInForce(entry: Settings, path: Path, problems: ProblemList): void {
  for (const [type, settings] of Object.entries(entry)) {
    if (!isMap(settings) || settings['shadow'] !== true) continue
    problems.add({ path: [...path, type, 'shadow'], message: `"${type}" cannot stand in shadow inside another policy`, expected: '"shadow" at the policy it stands in', code: 'config.invalid' })
  }
}

/** The same policy twice at one place is told apart by `name`, which also names its counters. */
function checkTwice(list: readonly unknown[], path: Path, problems: ProblemList): void {
  const seen = new Set<string>()
  for (const [index, entry] of list.entries()) {
    const [type, settings] = isMap(entry) ? (Object.entries(entry)[0] ?? []) : []
    if (type === undefined) continue
    const name = textOf(settings, 'name') ?? type
    const key = JSON.stringify([type, name])
    if (seen.has(key)) {
      problems.add({ path: [...path, index, type], onKey: true, message: `"${type}" stands here twice under the name "${name}"`, expected: 'a "name" of its own for each', code: 'config.invalid' })
    }
    seen.add(key)
  }
}

function at(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inner, part) => (typeof inner === 'object' && inner !== null ? (inner as Record<string | number, unknown>)[part] : undefined), value)
}
