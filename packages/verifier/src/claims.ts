/** What a token says, held against rules (RFC 7519 §4.1). The signature is checked elsewhere. */
import type { TokenRefusal } from './refusals.ts'

export interface ClaimRules {
  /** Checked when set. */
  readonly issuer: string | undefined
  /** The token must be meant for one of them; checked when there are any. */
  readonly audiences: readonly string[]
  /** How far the issuer's clock may be off. */
  readonly leewaySeconds: number
  /**
   * Names of claims that must be there, or names with the value each must have: a text, number or boolean, or a list
   * of which one is enough. A claim that is a list itself must contain it.
   */
  readonly requiredClaims: Readonly<Record<string, unknown>> | readonly string[]
}

type Claims = Readonly<Record<string, unknown>>

/** The first rule that the claims break, or undefined. `nowSeconds` counts from the Unix epoch. */
export function checkClaims(claims: Claims, rules: ClaimRules, nowSeconds: number): TokenRefusal | undefined {
  return checkDates(claims, rules.leewaySeconds, nowSeconds) ?? checkParties(claims, rules) ?? checkRequired(claims, rules.requiredClaims)
}

/** When a token with these claims is no longer accepted, in milliseconds since the Unix epoch; infinite without `exp`. */
export function acceptedUntilMs(claims: Claims, leewaySeconds: number): number {
  const exp = claim(claims, 'exp')
  return typeof exp === 'number' ? (exp + leewaySeconds) * 1000 : Infinity
}

function checkDates(claims: Claims, leeway: number, now: number): TokenRefusal | undefined {
  const [exp, nbf, iat] = [claim(claims, 'exp'), claim(claims, 'nbf'), claim(claims, 'iat')]
  // RFC 7519 §4.1.4: valid before `exp`, not at it.
  if (typeof exp === 'number' && now >= exp + leeway) return 'expired'
  if (typeof nbf === 'number' && now < nbf - leeway) return 'not_yet_valid'
  if (typeof iat === 'number' && now < iat - leeway) return 'issued_in_future'
  return undefined
}

function checkParties(claims: Claims, rules: ClaimRules): TokenRefusal | undefined {
  if (rules.issuer !== undefined && claim(claims, 'iss') !== rules.issuer) return 'wrong_issuer'
  if (rules.audiences.length === 0) return undefined
  const audience = claim(claims, 'aud')
  const named: readonly unknown[] = Array.isArray(audience) ? audience : [audience]
  return rules.audiences.some((one) => named.includes(one)) ? undefined : 'wrong_audience'
}

function checkRequired(claims: Claims, required: ClaimRules['requiredClaims']): TokenRefusal | undefined {
  const expected: [string, unknown][] = Array.isArray(required) ? required.map((name: string) => [name, undefined]) : Object.entries(required)
  for (const [name, value] of expected) {
    const actual = claim(claims, name)
    if (actual === undefined || actual === null) return 'claim_missing'
    if (value !== undefined && !isOrContains(actual, value)) return 'claim_mismatch'
  }
  return undefined
}

function isOrContains(actual: unknown, expected: unknown): boolean {
  const held: readonly unknown[] = Array.isArray(actual) ? actual : [actual]
  const wanted: readonly unknown[] = Array.isArray(expected) ? expected : [expected]
  return wanted.some((one) => held.includes(one))
}

/** Own members only: a claim named `constructor` is not there because objects have one. */
function claim(claims: Claims, name: string): unknown {
  return Object.hasOwn(claims, name) ? claims[name] : undefined
}
