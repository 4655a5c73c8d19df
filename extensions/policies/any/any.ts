import type { Exchange, Identity } from '../exchange.ts'
import type { HookResult, Policy, PolicyParts, Refusal } from '../policy.ts'
import type { AnySettings } from './schema.ts'

export function compile(settings: AnySettings, parts: PolicyParts): Policy {
  return new Any(settings.methods.map((entry) => parts.compile(entry)), settings.anonymous)
}

/** Identity methods in order; the first that passes wins. Says why nobody passed only when nobody did. */
class Any implements Policy {
  private readonly methods: readonly Policy[]
  private readonly anonymous: Identity | undefined

  constructor(methods: readonly Policy[], anonymous: string | undefined) {
    this.methods = methods
    this.anonymous = anonymous === undefined ? undefined : anonymousIdentity(anonymous)
  }

  onRequest(exchange: Exchange): HookResult | Promise<HookResult> {
    return this.tryFrom(0, exchange, [])
  }

  private tryFrom(start: number, exchange: Exchange, refusals: Refusal[]): HookResult | Promise<HookResult> {
    for (let index = start; index < this.methods.length; index++) {
      const result = this.methods[index]!.onRequest!(exchange)
      if (result instanceof Promise) return this.continueAfter(result, index, exchange, refusals)
      if (result === undefined || result.kind === 'answer') return result
      refusals.push(result)
    }
    return this.nobodyPassed(exchange, refusals)
  }

  private async continueAfter(pending: Promise<HookResult>, index: number, exchange: Exchange, refusals: Refusal[]): Promise<HookResult> {
    const result = await pending
    if (result === undefined || result.kind === 'answer') return result
    refusals.push(result)
    return this.tryFrom(index + 1, exchange, refusals)
  }

  private nobodyPassed(exchange: Exchange, refusals: readonly Refusal[]): HookResult {
    // Whether a credential is good was not found out: that is no 401.
    const unchecked = refusals.find(({ code }) => code.startsWith('dependency.')) ?? refusals.find(({ code }) => code === 'policy.too_many_attempts')
    if (unchecked !== undefined) return unchecked
    const tried = refusals.findLast(({ withoutCredential }) => withoutCredential !== true)
    if (tried === undefined && this.anonymous !== undefined) {
      exchange.identity = this.anonymous
      return undefined
    }
    // A credential that was sent and refused says more than one that was missing.
    return withAllChallenges(tried ?? refusals.at(-1)!, refusals)
  }
}

/** RFC 9110 §11.6.1: a 401 may carry several challenges; the client takes the one it knows. */
function withAllChallenges(chosen: Refusal, refusals: readonly Refusal[]): Refusal {
  if (chosen.code !== 'policy.unauthenticated') return chosen
  const challenges = refusals.filter(({ code }) => code === chosen.code).flatMap(({ headers }) => headers ?? [])
  return { ...chosen, headers: challenges }
}

function anonymousIdentity(consumer: string): Identity {
  return { consumer, groups: [], credential: 'anonymous', method: 'anonymous', claims: undefined, scopes: [], resolved: true }
}
