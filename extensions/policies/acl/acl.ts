import type { Exchange, Identity } from '../exchange.ts'
import { type HookResult, type Policy, refuse } from '../policy.ts'
import { compileExpression, type Expression } from './expression.ts'
import type { AclSettings } from './schema.ts'

const unauthenticated = refuse('policy.unauthenticated', undefined, ['WWW-Authenticate', 'Bearer realm="sluice"'])
const forbidden = refuse('policy.forbidden')
const unresolved = refuse('dependency.auth_unreachable')

export function compile(settings: AclSettings): Policy {
  return new Acl(settings)
}

type ClaimRules = readonly (readonly [name: string, values: ReadonlySet<unknown>])[]

interface Rules {
  readonly groups: ReadonlySet<string>
  readonly consumers: ReadonlySet<string>
  readonly scopes: readonly string[]
  readonly claims: ClaimRules
  readonly when: Expression | undefined
}

/** Who may pass, by what is known of the caller. Denying wins. */
class Acl implements Policy {
  private readonly allow: Rules | undefined
  private readonly deny: Rules | undefined
  private readonly needsConsumer: boolean

  constructor({ allow, deny }: AclSettings) {
    this.allow = allow === undefined ? undefined : rulesOf(allow)
    this.deny = deny === undefined ? undefined : rulesOf(deny)
    this.needsConsumer = [this.allow, this.deny].some((rules) => namesConsumers(rules) || rules?.when?.needsConsumer === true)
  }

  onRequest(exchange: Exchange): HookResult {
    const { identity } = exchange
    if (identity === undefined) return unauthenticated
    // Which consumer, and so which groups, could not be asked: that is no 403, and no guess.
    if (!identity.resolved && this.needsConsumer) return unresolved
    if (this.deny !== undefined && isDenied(this.deny, identity, exchange)) return forbidden
    return this.allow === undefined || isAllowed(this.allow, identity, exchange) ? undefined : forbidden
  }
}

function rulesOf(rules: NonNullable<AclSettings['allow']>): Rules {
  const claims = Object.entries(rules.claims ?? {}).map(([name, value]) => [name, new Set<unknown>(Array.isArray(value) ? value : [value])] as const)
  return { groups: new Set(rules.groups), consumers: new Set(rules.consumers), scopes: rules.scopes ?? [], claims, when: rules.when === undefined ? undefined : compileExpression(rules.when) }
}

function namesConsumers(rules: Rules | undefined): boolean {
  return rules !== undefined && (rules.groups.size > 0 || rules.consumers.size > 0)
}

/** Any one thing is enough. */
function isDenied(rules: Rules, identity: Identity, exchange: Exchange): boolean {
  if (isOneOf(rules, identity)) return true
  for (const scope of rules.scopes) if (identity.scopes.includes(scope)) return true
  for (const claim of rules.claims) if (hasClaim(claim, identity)) return true
  return rules.when?.holds(exchange) === true
}

/** One of the groups or consumers, if any are named, every scope and claim, and the condition. */
function isAllowed(rules: Rules, identity: Identity, exchange: Exchange): boolean {
  if (namesConsumers(rules) && !isOneOf(rules, identity)) return false
  for (const scope of rules.scopes) if (!identity.scopes.includes(scope)) return false
  for (const claim of rules.claims) if (!hasClaim(claim, identity)) return false
  return rules.when?.holds(exchange) !== false
}

function isOneOf(rules: Rules, identity: Identity): boolean {
  if (rules.consumers.has(identity.consumer)) return true
  for (const group of identity.groups) if (rules.groups.has(group)) return true
  return false
}

/** A claim that is a list matches when one of its items does. */
function hasClaim([name, values]: ClaimRules[number], { claims }: Identity): boolean {
  if (claims === undefined || !Object.hasOwn(claims, name)) return false
  const value = claims[name]
  return Array.isArray(value) ? value.some((item) => values.has(item)) : values.has(value)
}
