import type { Exchange, Identity } from '../exchange.ts'
import type { HookResult, Policy, PolicyParts } from '../policy.ts'
import { readSigningKey, type SigningKey } from '../signing-key.ts'
import type { IdentityTokenSettings } from './schema.ts'

export function compile(settings: IdentityTokenSettings, parts: PolicyParts): Policy {
  return new IdentityToken(settings, parts)
}

interface Made {
  readonly value: string
  readonly untilMs: number
}

/** Tells the upstream who is calling in a token that only the gateway can sign (RFC 7519). */
class IdentityToken implements Policy {
  private readonly settings: IdentityTokenSettings
  private readonly clock: PolicyParts['clock']
  private readonly key: SigningKey
  private readonly head: string
  private readonly field: string
  private readonly scheme: string
  /** A caller who is known has one identity object for all its requests. */
  private readonly made = new WeakMap<Identity, Made>()

  constructor(settings: IdentityTokenSettings, { clock }: PolicyParts) {
    this.settings = settings
    this.clock = clock
    this.key = readSigningKey(settings.key)
    this.head = encode({ alg: this.key.algorithm, kid: this.key.kid, typ: 'JWT' })
    this.field = settings.header.toLowerCase()
    this.scheme = this.field === 'authorization' ? 'Bearer ' : ''
  }

  onRequest({ request, identity }: Exchange): HookResult {
    request.headers.remove(this.field)
    if (identity !== undefined) request.headers.add(this.settings.header, this.valueFor(identity))
    return undefined
  }

  private valueFor(identity: Identity): string {
    const now = this.clock.now()
    const known = this.made.get(identity)
    if (known !== undefined && now < known.untilMs) return known.value
    const value = this.scheme + this.tokenFor(identity, Math.floor(now / 1000))
    this.made.set(identity, { value, untilMs: now + this.settings.ttlSeconds * 500 })
    return value
  }

  private tokenFor({ consumer, groups, scopes, credential, method, claims, resolved }: Identity, now: number): string {
    const { issuer, audience, ttlSeconds, claims: names } = this.settings
    const copied = names.filter((name) => claims !== undefined && Object.hasOwn(claims, name)).map((name) => [name, claims![name]])
    const payload = {
      ...Object.fromEntries(copied), iss: issuer, sub: consumer, ...(audience !== undefined && { aud: audience }), iat: now, exp: now + ttlSeconds,
      // While auth cannot say which groups there are, none are claimed, not even that there are none.
      ...(resolved && { groups }), ...(scopes.length > 0 && { scope: scopes.join(' ') }), ...(credential !== '' && { credential }), amr: [method],
    }
    const input = `${this.head}.${encode(payload)}`
    return `${input}.${this.key.sign(input)}`
  }
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
