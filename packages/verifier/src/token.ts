/**
 * Signed tokens in the compact form (RFC 7515 §7.1, RFC 7519), read strictly: one spelling for each token, no member
 * twice, nothing that asks for more than a signature check. What RFC 8725 warns of is refused here, before any key is
 * looked at. Encrypted, detached and nested tokens are left out.
 */
import type { TokenRefusal } from './refusals.ts'
import { parseStrictObject, type StrictObject, type StrictResult } from './strict-json.ts'

export const maxTokenCharacters = 16_384
const maxKidCharacters = 256

export interface ParsedToken {
  readonly algorithm: string
  readonly kid: string | undefined
  readonly claims: Readonly<StrictObject>
  /** The first two parts with their dot, as they were signed. */
  readonly signingInput: string
  /** base64url */
  readonly signature: string
}

/** Tokens besides those for access that somebody here asks for. */
export type OtherUse = 'logout+jwt'

interface SignedParts extends Pick<ParsedToken, 'signingInput' | 'signature'> {
  readonly use: OtherUse | undefined
}

export type TokenParse = { readonly token: ParsedToken; readonly refusal?: never } | { readonly token?: never; readonly refusal: TokenRefusal }

/**
 * Reads `text` as a signed token, or says why it is none. `use` is the type of a token for another use than access, when that
 * is what is wanted. Costs about 4 µs for a token of 600 characters.
 */
export function parseToken(text: string, use?: OtherUse): TokenParse {
  if (text.length > maxTokenCharacters) return { refusal: 'token_too_large' }
  const parts = text.split('.', 4)
  const [header, payload, signature] = parts
  if (parts.length !== 3 || header === undefined || payload === undefined || signature === undefined) return { refusal: 'token_not_compact' }
  const headerBytes = decodeCanonical(header)
  const payloadBytes = decodeCanonical(payload)
  if (headerBytes === undefined || payloadBytes === undefined || decodeCanonical(signature) === undefined) return { refusal: 'token_bad_base64url' }
  if (signature === '') return { refusal: 'token_unsigned' }
  return readParts(parseStrictObject(headerBytes), parseStrictObject(payloadBytes), { signingInput: `${header}.${payload}`, signature, use })
}

function readParts(header: StrictResult, payload: StrictResult, { signingInput, signature, use }: SignedParts): TokenParse {
  if ('problem' in header) return { refusal: `header_${header.problem}` }
  const refusal = headerRefusal(header.object, use)
  if (refusal !== undefined) return { refusal }
  if ('problem' in payload) return { refusal: `payload_${payload.problem}` }
  if (!dateClaims.every((name) => isDate(payload.object, name))) return { refusal: 'payload_bad_date' }
  const { alg, kid } = header.object as { alg: string; kid: string | undefined }
  return { token: { algorithm: alg, kid, claims: payload.object, signingInput, signature } }
}

/** The bytes, or undefined for anything but the canonical spelling: no padding, no foreign characters, no stray bits. */
function decodeCanonical(part: string): Uint8Array | undefined {
  const bytes = Buffer.from(part, 'base64url')
  return bytes.toString('base64url') === part ? bytes : undefined
}

const dateClaims = ['exp', 'nbf', 'iat']

function isDate(claims: StrictObject, name: string): boolean {
  return !Object.hasOwn(claims, name) || Number.isFinite(claims[name])
}

// A key that the sender chose proves nothing (RFC 8725 §2.1, §3.10).
const keyBearers = ['jwk', 'jku', 'x5u', 'x5c']

function headerRefusal(header: StrictObject, use: OtherUse | undefined): TokenRefusal | undefined {
  if (!Object.hasOwn(header, 'alg') || typeof header.alg !== 'string' || header.alg === '') return 'header_no_algorithm'
  // RFC 7515 §4.1.11: what is critical and not understood makes the token invalid; no extension is understood here.
  if (Object.hasOwn(header, 'crit')) return 'header_critical'
  // RFC 7797 §3 makes `b64` critical; a sender that leaves out `crit` still means another signing input.
  if (Object.hasOwn(header, 'b64') && header.b64 !== true) return 'header_unencoded_payload'
  if (keyBearers.some((name) => Object.hasOwn(header, name))) return 'header_brings_key'
  if (Object.hasOwn(header, 'kid') && !isKid(header.kid)) return 'header_bad_kid'
  if (Object.hasOwn(header, 'typ') && !isOfThisUse(header.typ, use)) return 'header_bad_type'
  return undefined
}

function isKid(kid: unknown): boolean {
  return typeof kid === 'string' && kid.length <= maxKidCharacters
}

// Signed by the same issuers with the same keys, and no access tokens: log-out (OpenID Connect Back-Channel Logout),
// events (RFC 8417), introspection answers (RFC 9701), requests (RFC 9101), proofs (RFC 9449), key bindings.
const otherUses = new Set(['logout+jwt', 'secevent+jwt', 'token-introspection+jwt', 'oauth-authz-req+jwt', 'dpop+jwt', 'kb+jwt', 'entity-statement+jwt'])

function isOfThisUse(type: unknown, use: OtherUse | undefined): boolean {
  if (typeof type !== 'string') return false
  const name = type.toLowerCase().replace(/^application\//, '')
  return name === use || !otherUses.has(name)
}
