import { findPolicy, runningOrder } from '@sluice/policies'
import type { HookName, CatalogueEntry, Policy, PolicyModule, PolicyParts, PolicyPlace } from '@sluice/policies/policy'
import { readPolicyEntry, type PolicyEntry } from '@sluice/proto/config'
import type { PolicyChain, Step } from './policy-chain.ts'
import { ShadowPolicy } from './shadow-policy.ts'

/** The policies of one level: `route:get-user`, `group:gold`, `plan:free`, `upstream:users`, `global`. */
export interface PolicyLevel {
  readonly level: string
  readonly entries: readonly PolicyEntry[]
  /** Of a group: nothing, not even the route, switches them off. */
  readonly isBinding?: boolean
}

export type LoadedPolicies = ReadonlyMap<string, { entry: CatalogueEntry; module: PolicyModule }>

export type SharedParts = Omit<PolicyParts, 'place' | 'compile'>

interface Chosen {
  readonly type: string
  readonly name: string
  readonly level: string
  readonly settings: Record<string, unknown>
}

/**
 * Compiles the chain of one route. `levels` goes from the most specific to the least (route, upstream, global);
 * `groupLevels` holds the consumer groups' own policies by group, which stand between route and upstream once the consumer is
 * known. Throws what a policy's schema or `compile` throws.
 */
export function compileChain(
  levels: readonly PolicyLevel[],
  groupLevels: ReadonlyMap<string, PolicyLevel>,
  loaded: LoadedPolicies,
  parts: SharedParts,
): PolicyChain {
  const compiled = new Map<string, Policy>()
  const stepsOf = (some: readonly PolicyLevel[]): Step[] => orderedSteps(choose(some), loaded, parts, compiled)
  const steps = stepsOf(levels)
  const lastIdentity = steps.findLastIndex((step) => step.isIdentity)
  const variants = new Map<string, readonly Step[]>()
  const groupsHave = (groups: readonly string[]): PolicyLevel[] =>
    groups.map((group) => groupLevels.get(group)).filter((level): level is PolicyLevel => level !== undefined && level.entries.length > 0)
  const groupsMatter = [...groupLevels.values()].some((level) => level.entries.length > 0)
  const hasHook = (hook: 'onResponseBody' | 'onAttempt') => steps.some(({ policy }) => policy[hook] !== undefined) || [...groupLevels.values()].some(({ entries }) => entries.some((one) => mayHave(hook, one, loaded)))
  return {
    steps,
    lastIdentity,
    groupsMatter,
    seesResponseBody: hasHook('onResponseBody'),
    hasAttemptHooks: hasHook('onAttempt'),
    mayCache: steps.some(({ policy }) => policy.cache !== undefined) || [...groupLevels.values()].some(({ entries }) => entries.some((one) => mayKeep(one, loaded))),
    forGroups(groups) {
      if (!groupsMatter || groups.length === 0) return steps
      const extra = groupsHave(groups)
      if (extra.length === 0) return steps
      const key = extra.map((level) => level.level).join(' ')
      const known = variants.get(key)
      if (known !== undefined) return known
      const [route, ...rest] = levels
      const made = [...steps.slice(0, lastIdentity + 1), ...withoutBefore(stepsOf([...extra.filter(isBinding), route!, ...extra.filter((level) => !isBinding(level)), ...rest]), steps, lastIdentity)]
      variants.set(key, made)
      return made
    },
  }
}

function isBinding(level: PolicyLevel): boolean {
  return level.isBinding === true
}

function mayHave(hook: HookName, written: PolicyEntry, loaded: LoadedPolicies): boolean {
  const { type, settings } = readPolicyEntry(written)
  return settings !== undefined && loaded.get(type)?.entry.hooks.includes(hook) === true
}

function mayKeep(written: PolicyEntry, loaded: LoadedPolicies): boolean {
  const { type, settings } = readPolicyEntry(written)
  return settings !== undefined && loaded.get(type)?.entry.caches === true
}

/** What still has to run of a group's chain: everything that has not run already. */
function withoutBefore(variant: readonly Step[], steps: readonly Step[], lastIdentity: number): Step[] {
  const ran = new Set(steps.slice(0, lastIdentity + 1).map((step) => step.policy))
  return variant.filter((step) => !ran.has(step.policy) && !step.isIdentity)
}

/** The most specific policy of each type and name; `type: false` switches off the less specific ones of that type. */
function choose(levels: readonly PolicyLevel[]): Chosen[] {
  const chosen = new Map<string, Chosen>()
  const off = new Set<string>()
  for (const { level, entries } of levels) {
    const offHere: string[] = []
    for (const entry of entries) {
      const { type, settings } = readPolicyEntry(entry)
      if (settings === undefined) offHere.push(type)
      else if (!off.has(type)) {
        const name = typeof settings['name'] === 'string' ? settings['name'] : type
        const key = `${type} ${name}`
        if (!chosen.has(key)) chosen.set(key, { type, name, level, settings })
      }
    }
    for (const type of offHere) off.add(type)
  }
  return [...chosen.values()]
}

function orderedSteps(chosen: readonly Chosen[], loaded: LoadedPolicies, parts: SharedParts, compiled: Map<string, Policy>): Step[] {
  const parsed = chosen.map((one) => ({ ...one, settings: parseSettings(one.type, one.settings, loaded) }))
  return runningOrder(parsed).map((one) => {
    const key = `${one.level} ${one.type} ${one.name}`
    const isShadow = (one.settings as { shadow?: boolean }).shadow === true
    const policy = compiled.get(key) ?? (isShadow ? compileShadow(one, loaded, parts) : compilePolicy(one, loaded, parts))
    compiled.set(key, policy)
    return { policy, type: one.type, name: one.name, isIdentity: !isShadow && loaded.get(one.type)!.entry.identity === true }
  })
}

/** An attempt that fails in shadow is not counted: it would slow its caller down where policies are in force. */
function compileShadow(one: Parameters<typeof compilePolicy>[0], loaded: LoadedPolicies, parts: SharedParts): Policy {
  const settings = 'throttleFailures' in (one.settings as object) ? { ...(one.settings as object), throttleFailures: false } : one.settings
  return new ShadowPolicy(compilePolicy({ ...one, settings: settings as never }, loaded, parts), one.name, parts.logger)
}

/** A global policy stands on every route: its settings, which may be large lists, are read once a snapshot. */
const parsedSettings = new WeakMap<object, never>()

function parseSettings(type: string, settings: Record<string, unknown> | undefined, loaded: LoadedPolicies): never {
  const found = loaded.get(type)
  if (found === undefined) throw new Error(`there is no policy "${type}"`)
  const known = settings === undefined ? undefined : parsedSettings.get(settings)
  if (known !== undefined) return known
  const parsed = found.entry.settings.parse(settings ?? {}) as never
  if (settings !== undefined) parsedSettings.set(settings, parsed)
  return parsed
}

function compilePolicy(one: { type: string; name: string; level: string; settings: never }, loaded: LoadedPolicies, parts: SharedParts): Policy {
  const place: PolicyPlace = { level: one.level, type: one.type, name: one.name }
  return loaded.get(one.type)!.module.compile(one.settings, {
    ...parts,
    place,
    compile: (entry) => {
      const { type, settings } = readPolicyEntry(entry as PolicyEntry)
      const nested = { type, name: `${one.name}.${type}`, level: one.level, settings: parseSettings(type, settings, loaded) }
      return compilePolicy(nested, loaded, parts)
    },
  })
}

/** Loads every policy's implementation once, so that compiling a chain does no I/O. */
export async function loadPolicies(types: readonly string[]): Promise<LoadedPolicies> {
  const loaded = new Map<string, { entry: CatalogueEntry; module: PolicyModule }>()
  for (const type of types) {
    const entry = findPolicy(type)
    if (entry !== undefined) loaded.set(type, { entry, module: await entry.load() })
  }
  return loaded
}
