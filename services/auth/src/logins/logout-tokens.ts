/**
 * An issuer's word that sessions are over (OpenID Connect Back-Channel Logout 1.0 §2.4–2.6): signed like its ID tokens,
 * of a type of its own, and only of use when it is young. A token that names a session of the issuer's ends that one,
 * a token that names only a user ends all of that user's.
 */
import { SluiceError } from '@sluice/errors'
import { createTokenChecker, fixedKeys, parseKeySet, type Verifier } from '@sluice/verifier'
import { sessionOfIssuer, sessionOfSubject } from './session-names.ts'

export interface LogoutTokensParts {
  readonly verifier: Pick<Verifier, 'verifySignature'>
  readonly clock: { now(): number; monotonic(): number }
  /** The key set (RFC 7517) at an address; with `unknownKid`, one that may be newer. */
  readonly keySet: (uri: string, insecure: boolean, unknownKid: string) => Promise<string>
}

export interface LogoutFacts {
  readonly token: string
  readonly issuer: string
  readonly clientId: string
  readonly insecure: boolean
  readonly keySetAddress: string
}

/** `beforeMs`: sessions of the name that began until then are over; infinite for a name that no later session will bear. */
export type LogoutVerdict = { readonly name: string; readonly beforeMs: number } | { readonly refusal: string }

const algorithms = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']
const event = 'http://schemas.openid.net/event/backchannel-logout'
const leewaySeconds = 30
/** An old one may be a copy: a user who has logged in again since must not be logged out by it. */
const maxAgeSeconds = 300

export class LogoutTokens {
  readonly #parts: LogoutTokensParts

  constructor(parts: LogoutTokensParts) {
    this.#parts = parts
  }

  /** Throws `dependency.*` codes when it cannot be checked. */
  async check(facts: LogoutFacts): Promise<LogoutVerdict> {
    const known = await this.#verify(facts, '')
    const verdict = known.outcome === 'invalid' && known.reason === 'key_unknown' ? await this.#verify(facts, kidOf(facts.token)) : known
    if (verdict.outcome === 'unavailable') throw new SluiceError(verdict.code)
    if (verdict.outcome === 'invalid') return { refusal: verdict.reason }
    return readClaims(verdict.claims, facts.issuer, this.#parts.clock.now() / 1000)
  }

  async #verify({ token, issuer, clientId, insecure, keySetAddress }: LogoutFacts, unknownKid: string) {
    const { verifier, clock, keySet } = this.#parts
    const keys = fixedKeys(parseKeySet(await keySet(keySetAddress, insecure, unknownKid), { algorithms, origin: 'fetched' }))
    const rules = { issuer, audiences: [clientId], leewaySeconds, requiredClaims: ['iat', 'jti', 'events'], algorithms, use: 'logout+jwt' } as const
    return createTokenChecker({ rules, keys, verifier, clock }).check(token)
  }
}

function readClaims(claims: Readonly<Record<string, unknown>>, issuer: string, nowSeconds: number): LogoutVerdict {
  const { iat, events, sid, sub } = claims
  if (typeof iat !== 'number' || nowSeconds > iat + maxAgeSeconds) return { refusal: 'too_old' }
  const told = typeof events === 'object' && events !== null ? (events as Record<string, unknown>)[event] : undefined
  if (typeof told !== 'object' || told === null) return { refusal: 'no_logout_event' }
  // It would otherwise be an ID token in another place.
  if (Object.hasOwn(claims, 'nonce')) return { refusal: 'nonce_present' }
  if (typeof sid === 'string' && sid !== '') return { name: sessionOfIssuer(issuer, sid), beforeMs: Infinity }
  // Sent once more, it ends nothing that began since.
  if (typeof sub === 'string' && sub !== '') return { name: sessionOfSubject(issuer, sub), beforeMs: Math.min(nowSeconds, iat + leewaySeconds) * 1000 }
  return { refusal: 'names_nobody' }
}

function kidOf(token: string): string {
  const header = JSON.parse(Buffer.from(token.slice(0, token.indexOf('.')), 'base64url').toString('utf8')) as { kid?: unknown }
  return typeof header.kid === 'string' ? header.kid : ''
}
