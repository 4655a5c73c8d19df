import { type CredentialSource, hideCredential, parseSource, readCredential } from '../credential-source.ts'
import type { Exchange } from '../exchange.ts'
import { type HookResult, type Policy, type PolicyParts, type Refusal, type UpstreamToken, type UpstreamTokens, refuse } from '../policy.ts'
import type { UpstreamTokenSettings } from './schema.ts'

export function compile(settings: UpstreamTokenSettings, parts: PolicyParts): Policy {
  return new ShownToken(settings, parts)
}

/** What was shown the upstream, to give it up when that refuses it. */
interface Shown {
  readonly value: string
  readonly subjectToken: string | undefined
}

const noToken: Refusal = refuse('policy.unauthenticated', undefined, ['WWW-Authenticate', 'Bearer realm="sluice"'])
/** RFC 8693 §2.2.2: the caller is known, but has no way to that upstream. */
const notExchanged: Refusal = refuse('policy.forbidden', 'The token of this caller cannot be exchanged')
const bearer = /^bearer +(\S+)$/i

/** Shows the upstream a token that the gateway got for it. */
class ShownToken implements Policy {
  private readonly tokens: UpstreamTokens
  private readonly isExchange: boolean
  private readonly source: CredentialSource
  private readonly header: string
  private readonly field: string
  private readonly scheme: string
  private readonly shown = new WeakMap<Exchange, Shown>()

  constructor({ grant, from, header, clientAuth, ...settings }: UpstreamTokenSettings, parts: PolicyParts) {
    const { issuer, tokenUrl, clientId, clientSecret, insecure, timeoutMs, scopes, audience, resource, subjectTokenType } = settings
    this.tokens = parts.identity.upstreamTokens({ issuer, tokenUrl, clientId, clientSecret, secretInBody: clientAuth === 'body', insecure, timeoutMs, scopes, audience, resource, subjectTokenType })
    this.isExchange = grant === 'token-exchange'
    this.source = parseSource(from)!
    this.header = header
    this.field = header.toLowerCase()
    this.scheme = this.field === 'authorization' ? 'Bearer ' : ''
  }

  onRequest(exchange: Exchange): HookResult | Promise<HookResult> {
    const subjectToken = this.isExchange ? this.subjectTokenIn(exchange) : undefined
    if (this.isExchange && subjectToken === undefined) return noToken
    const token = this.tokens.get(subjectToken)
    return token instanceof Promise ? token.then((late) => this.show(late, exchange, subjectToken)) : this.show(token, exchange, subjectToken)
  }

  /** An upstream that no longer takes the token says so with 401 (RFC 6750 §3.1): the next request shows another one. */
  onResponse(exchange: Exchange): void {
    const shown = exchange.response?.status === 401 ? this.shown.get(exchange) : undefined
    if (shown !== undefined) this.tokens.renounce(shown.value, shown.subjectToken)
  }

  private show(token: UpstreamToken, exchange: Exchange, subjectToken: string | undefined): HookResult {
    if (token.outcome === 'unavailable') return refuse(token.code)
    if (token.outcome === 'refused') return notExchanged
    const { headers } = exchange.request
    if (this.isExchange) hideCredential(this.source, exchange.request)
    headers.remove(this.field)
    headers.add(this.header, this.scheme + token.value)
    this.shown.set(exchange, { value: token.value, subjectToken })
    return undefined
  }

  /** Only of a caller that was let in with it: what nobody has looked at is not carried to an issuer. */
  private subjectTokenIn({ request, identity }: Exchange): string | undefined {
    const value = identity === undefined ? undefined : readCredential(this.source, request)
    if (value === undefined || value === '') return undefined
    return this.source.kind === 'header' && this.source.name === 'authorization' ? bearer.exec(value)?.[1] : value
  }
}
