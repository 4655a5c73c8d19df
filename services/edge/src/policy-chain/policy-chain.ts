/**
 * A route's policies in running order, and the loops over them. The ordinary path is synchronous: a promise shows up
 * only when a hook had to fetch something, and only then is a continuation made.
 */
import type { HeaderFields } from '@sluice/http'
import type { Exchange } from '@sluice/policies/exchange'
import { type CacheRules, type Decision, type Policy, refuse } from '@sluice/policies/policy'
import type { ShadowNotes } from './shadow-policy.ts'

export interface Step {
  readonly policy: Policy
  readonly type: string
  readonly name: string
  readonly isIdentity: boolean
}

export interface PolicyChain {
  readonly steps: readonly Step[]
  /** Index of the last step that says who is calling; -1 when none does. */
  readonly lastIdentity: number
  /** Whether any consumer group has policies. */
  readonly groupsMatter: boolean
  /** Whether any step, of a group's too, wants to see the upstream's response on its way. */
  readonly seesResponseBody: boolean
  /** Whether a step, of a group's too, has responses kept. */
  readonly mayCache: boolean
  /** Whether a step has something to add to each attempt. */
  readonly hasAttemptHooks: boolean
  /** The whole chain for a consumer of these groups; the same array when no group has policies. */
  forGroups(groups: readonly string[]): readonly Step[]
}

/** A route that is chosen from among those that are alike but for their groups. */
export interface Alternative {
  readonly match: { readonly groups?: readonly string[] | undefined }
  readonly chain: PolicyChain
}

/** What the loops keep on the exchange. */
export interface ChainState extends Exchange {
  /** The steps that apply to this exchange; the response hooks run over those that were reached, backwards. */
  steps: readonly Step[]
  /** The route is one of these; undefined for nearly all, whose route is known. */
  alternatives: readonly Alternative[] | undefined
  stepsReached: number
  /** The steps whose request hooks were called, whatever becomes of the response; the done hooks run over those. */
  stepsBegun: number
  /** What policies in shadow have said; undefined for nearly all. */
  shadow: ShadowNotes | undefined
  /** The route is this one of the alternatives; answers its policies. */
  choose(alternative: Alternative): PolicyChain
}

export type ChainResult = Decision | undefined

/** Runs the request hooks from `from` on, until one decides. */
export function runRequestHooks(exchange: ChainState, chain: PolicyChain, from = 0): ChainResult | Promise<ChainResult> {
  let index = from
  while (index < exchange.steps.length) {
    const step = exchange.steps[index]!
    exchange.stepsReached = exchange.stepsBegun = index + 1
    const result = step.policy.onRequest?.(exchange)
    if (result instanceof Promise) return continueAfter(result, exchange, chain, index)
    if (result !== undefined) return result
    const blind = index === chain.lastIdentity ? applyGroups(exchange, chain) : undefined
    if (blind !== undefined) return blind
    index++
  }
  return undefined
}

async function continueAfter(pending: Promise<ChainResult>, exchange: ChainState, chain: PolicyChain, index: number): Promise<ChainResult> {
  const result = await pending
  if (result !== undefined || exchange.isOver) return result
  const blind = index === chain.lastIdentity ? applyGroups(exchange, chain) : undefined
  if (blind !== undefined) return blind
  return runRequestHooks(exchange, chain, index + 1)
}

/**
 * Once the last identity policy has run, the consumer's groups may bring policies of their own. While auth cannot say
 * which groups those are, nobody guesses: the exchange is refused, but only where a group has policies at all.
 */
function applyGroups(exchange: ChainState, chain: PolicyChain): ChainResult {
  const { identity } = exchange
  if (exchange.alternatives !== undefined) return chooseRoute(exchange, chain)
  if (identity === undefined) return undefined
  if (!identity.resolved && chain.groupsMatter) return refuse('dependency.auth_unreachable')
  exchange.steps = chain.forGroups(identity.groups)
  return undefined
}

/**
 * The route for the consumer's groups. What has run is the first one's; that it says the same as the other one's is checked when
 * the configuration is, and looked at once more here: whoever is let in has passed as many policies that identify.
 */
function chooseRoute(exchange: ChainState, chain: PolicyChain): ChainResult {
  const { identity, alternatives } = exchange
  if (identity?.resolved === false) return refuse('dependency.auth_unreachable')
  const groups = identity?.groups ?? []
  const chosen = alternatives!.find(({ match }) => match.groups === undefined || match.groups.some((group) => groups.includes(group)))
  if (chosen === undefined) return refuse('client.no_route')
  const reached = chain.lastIdentity + 1
  const own = exchange.choose(chosen)
  if (own.lastIdentity + 1 !== reached) return refuse('internal.invariant_broken')
  const steps = identity === undefined ? own.steps : own.forGroups(groups)
  exchange.steps = [...exchange.steps.slice(0, reached), ...steps.slice(reached)]
  return undefined
}

/** What the phase `cache` goes by, where one of the steps has responses kept; one in shadow when none is in force. */
export function cacheRulesIn(steps: readonly Step[]): CacheRules | undefined {
  let inShadow: CacheRules | undefined
  for (const { policy: { cache } } of steps) {
    if (cache === undefined) continue
    if (cache.inShadow === undefined) return cache
    inShadow ??= cache
  }
  return inShadow
}

/** Before one attempt: `headers` and `target` (path and query) are what the endpoint will see. */
export function runAttemptHooks(exchange: ChainState, headers: HeaderFields, target: string): void {
  for (const step of exchange.steps) step.policy.onAttempt?.(exchange, headers, target)
}

/** Runs the response hooks of the steps that were reached, in reverse order. */
export function runResponseHooks(exchange: ChainState): void | Promise<void> {
  for (let index = exchange.stepsReached - 1; index >= 0; index--) {
    const pending = exchange.steps[index]!.policy.onResponse?.(exchange)
    if (pending instanceof Promise) return continueResponse(pending, exchange, index)
  }
}

async function continueResponse(pending: Promise<void>, exchange: ChainState, index: number): Promise<void> {
  await pending
  for (let below = index - 1; below >= 0; below--) await exchange.steps[below]!.policy.onResponse?.(exchange)
}

/** Every step that was begun is told, one that throws too: places are freed here. The first error is thrown at the end. */
export function runDoneHooks(exchange: ChainState): void {
  let errors: unknown[] | undefined
  for (let index = 0; index < exchange.stepsBegun; index++) {
    try {
      exchange.steps[index]!.policy.onDone?.(exchange)
    } catch (error) {
      (errors ??= []).push(error)
    }
  }
  if (errors !== undefined) throw errors[0]
}

/** Whether any step wants to see the request's body on its way. */
export function seesRequestBody(steps: readonly Step[]): boolean {
  return steps.some((step) => step.policy.onRequestBody !== undefined)
}

/** Shows a piece of the upstream's response to the steps that were reached. */
export function showResponseBody(exchange: ChainState, piece: Uint8Array): void {
  for (let index = exchange.stepsReached - 1; index >= 0; index--) exchange.steps[index]!.policy.onResponseBody?.(exchange, piece)
}

/** Shows a piece of the body, and its size so far, to the steps; the first decision ends the exchange. */
export function runBodyHooks(exchange: ChainState, bytesSoFar: number, piece: Uint8Array): ChainResult {
  for (const step of exchange.steps) {
    const result = step.policy.onRequestBody?.(exchange, bytesSoFar, piece)
    if (result !== undefined) return result
  }
  return undefined
}
