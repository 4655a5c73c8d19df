/** What hostile tokens are made from: a good one at an instant, and ways to spoil it. */
import type { TokenRefusal, TokenRules } from '../../src/index.ts'
import { claimsAt, mint, part } from '../minted-tokens.ts'

/** `rules` are those that the token is held against beside `plainRules`. */
export interface HostileToken {
  readonly what: string
  readonly token: string
  readonly reason: TokenRefusal
  readonly rules?: Partial<TokenRules>
}

type Row = readonly [what: string, token: string, reason: TokenRefusal, rules?: Partial<TokenRules>]

export function hostile(rows: readonly Row[]): HostileToken[] {
  return rows.map(([what, token, reason, rules]) => ({ what, token, reason, ...(rules && { rules }) }))
}

export interface Minting {
  readonly now: number
  /** The claims of a good token, with others. */
  claims(members?: object): Record<string, unknown>
  without(name: string): Record<string, unknown>
  /** A token of the RSA key with these claims and members of the header. */
  token(claims?: unknown, header?: object): string
  readonly good: string
  readonly parts: readonly [header: string, payload: string, signature: string]
}

export function mintingAt(now: number): Minting {
  const claims = (members: object = {}) => ({ ...claimsAt(now), ...members })
  const token = (given: unknown = claims(), header: object = {}) => mint(given, { alg: 'RS256', kid: 'r1', ...header })
  const good = token()
  const parts = good.split('.') as [string, string, string]
  return { now, claims, token, good, parts, without: (name) => Object.fromEntries(Object.entries(claims()).filter(([member]) => member !== name)) }
}

/** Rules for tokens of the shared secret. */
export const secretRules: Partial<TokenRules> = { algorithms: ['HS256'] }

/** Whether a token of these rules is checked with the shared secret, not with the issuer's keys. */
export function isOfSecret(rules: Partial<TokenRules> = {}): boolean {
  return rules.algorithms?.length === 1 && rules.algorithms[0] === 'HS256'
}

export { part }
