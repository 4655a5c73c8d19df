/** Every hostile token, with the reason that it is refused for. */
import { hostileClaims } from './claims.ts'
import { hostileHeaders } from './headers.ts'
import { type HostileToken, mintingAt } from './minting.ts'
import { hostileShapes } from './shapes.ts'
import { hostileSignatures } from './signatures.ts'

/** Tokens for an instant in seconds since the Unix epoch; held against `plainRules` and what each names. */
export function hostileTokensAt(now: number): HostileToken[] {
  const minting = mintingAt(now)
  return [...hostileShapes(minting), ...hostileHeaders(minting), ...hostileSignatures(minting), ...hostileClaims(minting)]
}
