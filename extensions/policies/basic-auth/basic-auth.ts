import { quoted } from '@sluice/http'
import { Blindness } from '../blindness.ts'
import { type CredentialSource, hideCredential, readCredential } from '../credential-source.ts'
import type { Exchange } from '../exchange.ts'
import { type HookResult, type Policy, type PolicyParts, type Refusal, type Verdict, refuse, refuseUnchecked } from '../policy.ts'
import { readBasic } from './basic-credential.ts'
import type { BasicAuthSettings } from './schema.ts'

const source: CredentialSource = { kind: 'header', name: 'authorization' }

export function compile(settings: BasicAuthSettings, parts: PolicyParts): Policy {
  return new BasicAuth(settings, parts)
}

/** RFC 7617. A wrong name and a wrong password get one answer. */
class BasicAuth implements Policy {
  private readonly checker: ReturnType<PolicyParts['identity']['passwords']>
  private readonly hideCredential: boolean
  private readonly throttles: boolean
  private readonly blindness: Blindness
  private readonly none: Refusal
  private readonly wrong: Refusal

  constructor({ realm, cacheSeconds, staleSeconds, hideCredential: hides, throttleFailures, whenBlind }: BasicAuthSettings, parts: PolicyParts) {
    this.checker = parts.identity.passwords({ cacheSeconds, staleSeconds: Math.max(cacheSeconds, staleSeconds) })
    this.hideCredential = hides
    this.throttles = throttleFailures
    this.blindness = new Blindness(whenBlind, parts.identity)
    this.wrong = refuse('policy.unauthenticated', undefined, ['WWW-Authenticate', `Basic realm=${quoted(realm)}, charset="UTF-8"`])
    this.none = { ...this.wrong, withoutCredential: true }
  }

  onRequest(exchange: Exchange): HookResult | Promise<HookResult> {
    const value = readCredential(source, exchange.request)
    if (value === undefined) return this.none
    if (value === '') return this.wrong
    const credential = readBasic(value)
    if (credential === undefined) return this.none
    if (credential === 'malformed') return this.wrong
    const verdict = this.checker.check(credential.username, credential.password, this.throttles ? exchange.client.address : undefined)
    return verdict instanceof Promise ? verdict.then((late) => this.decide(late, exchange)) : this.decide(verdict, exchange)
  }

  private decide(verdict: Verdict, exchange: Exchange): HookResult {
    if (verdict.outcome === 'invalid') return this.wrong
    if (verdict.outcome !== 'valid') return refuseUnchecked(verdict)
    if (this.blindness.refuses()) return refuse('dependency.auth_unreachable')
    exchange.identity = verdict.identity
    if (this.hideCredential) hideCredential(source, exchange.request)
    return undefined
  }
}
