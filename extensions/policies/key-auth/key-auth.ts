import { Blindness } from '../blindness.ts'
import { type CredentialSource, hideCredential, readCredential } from '../credential-source.ts'
import type { Exchange, RequestFacts } from '../exchange.ts'
import { type HookResult, type Policy, type PolicyParts, type Refusal, type Verdict, refuse, refuseUnchecked } from '../policy.ts'
import type { KeyAuthSettings } from './schema.ts'

/** `sk_<id>_<secret>`; anything else is refused without asking anybody. */
const keyPattern = /^sk_[a-z0-9]{1,64}_[\x21-\x7e]{1,256}$/

const challenge = ['WWW-Authenticate', 'ApiKey realm="sluice"']

export function compile(settings: KeyAuthSettings, parts: PolicyParts): Policy {
  return new KeyAuth(settings, parts)
}

/** An API key in a header, query parameter or cookie. A wrong key gets one answer, whatever is wrong with it. */
class KeyAuth implements Policy {
  private readonly checker: ReturnType<PolicyParts['identity']['keys']>
  private readonly sources: readonly CredentialSource[]
  private readonly hideCredential: boolean
  private readonly throttles: boolean
  private readonly blindness: Blindness
  private readonly noKey: Refusal = { ...refuse('policy.unauthenticated', undefined, challenge), withoutCredential: true }
  private readonly badKey: Refusal = refuse('policy.unauthenticated', undefined, challenge)

  constructor(settings: KeyAuthSettings, parts: PolicyParts) {
    const { cacheSeconds } = settings
    this.checker = parts.identity.keys({ cacheSeconds, staleSeconds: Math.max(cacheSeconds, settings.staleSeconds) })
    this.sources = sourcesOf(settings)
    this.hideCredential = settings.hideCredential
    this.throttles = settings.throttleFailures
    this.blindness = new Blindness(settings.whenBlind, parts.identity)
  }

  onRequest(exchange: Exchange): HookResult | Promise<HookResult> {
    const key = this.keyIn(exchange.request)
    if (key === undefined) return this.noKey
    if (!keyPattern.test(key)) return this.badKey
    const verdict = this.checker.check(key, this.throttles ? exchange.client.address : undefined)
    return verdict instanceof Promise ? verdict.then((late) => this.decide(late, exchange)) : this.decide(verdict, exchange)
  }

  private keyIn(request: RequestFacts): string | undefined {
    for (const source of this.sources) {
      const key = readCredential(source, request)
      if (key !== undefined) return key
    }
    return undefined
  }

  private decide(verdict: Verdict, exchange: Exchange): HookResult {
    if (verdict.outcome === 'invalid') return this.badKey
    if (verdict.outcome !== 'valid') return refuseUnchecked(verdict)
    if (this.blindness.refuses()) return refuse('dependency.auth_unreachable')
    exchange.identity = verdict.identity
    // Each place, not only the one it was found in: a second key must not reach the upstream either.
    if (this.hideCredential) for (const source of this.sources) hideCredential(source, exchange.request)
    return undefined
  }
}

function sourcesOf({ header, query, cookie }: KeyAuthSettings): CredentialSource[] {
  const sources: CredentialSource[] = [{ kind: 'header', name: header.toLowerCase() }]
  if (query !== undefined) sources.push({ kind: 'query', name: query })
  if (cookie !== undefined) sources.push({ kind: 'cookie', name: cookie })
  return sources
}
