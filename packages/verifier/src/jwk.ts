/** One JSON Web Key (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2) as a key that checks signatures. */
import { createPublicKey, type webcrypto } from 'node:crypto'
import { type KeyResult, publicKey, secretKey } from './verification-key.ts'

export interface JwkRules {
  readonly allowed: readonly string[] | undefined
  /** Whether `oct` keys count: never in a set that was fetched, where anyone could read them. */
  readonly secrets: boolean
}

/** Only what makes the public half: private members of a set that leaked them are not taken in. */
const publicMembers: Record<string, readonly string[]> = { RSA: ['kty', 'n', 'e'], EC: ['kty', 'crv', 'x', 'y'], OKP: ['kty', 'crv', 'x'] }

/** The key, or why it is passed over. RFC 7517 §5: keys of a set that are not understood are ignored, not an error. */
export function readJwk(jwk: unknown, rules: JwkRules): KeyResult {
  if (!isJwk(jwk)) return { reason: 'it is not a JSON Web Key' }
  const { kty, kid, alg } = jwk
  const purpose = purposeProblem(jwk)
  if (purpose !== undefined) return { reason: purpose }
  const marks = { kid: kid as string | undefined, alg: alg as string | undefined, allowed: rules.allowed }
  if (kty === 'oct') return rules.secrets ? readSecret(jwk, marks) : { reason: 'a secret has no place in a published key set' }
  const members = publicMembers[kty]
  if (members === undefined) return { reason: `the key type "${kty.slice(0, 32)}" is not one that signs tokens` }
  try {
    const key = Object.fromEntries(members.map((name) => [name, jwk[name]])) as webcrypto.JsonWebKey
    return publicKey(createPublicKey({ key, format: 'jwk' }), marks)
  } catch {
    return { reason: 'the key cannot be read' }
  }
}

/** The JWK without what a private or secret key has; undefined when nothing public is left. */
export function withoutSecrets(jwk: unknown): Record<string, unknown> | undefined {
  if (!isJwk(jwk) || jwk.kty === 'oct') return undefined
  return Object.fromEntries(Object.entries(jwk).filter(([name]) => !privateMembers.has(name)))
}

const privateMembers = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'priv'])

type Jwk = Record<string, unknown> & { kty: string }

function isJwk(value: unknown): value is Jwk {
  return typeof value === 'object' && value !== null && typeof (value as Jwk).kty === 'string'
}

/** RFC 7517 §4.2 and §4.3: a key for encryption, or for signing only, checks no signatures. */
function purposeProblem({ use, key_ops: operations, kid, alg }: Jwk): string | undefined {
  if (use !== undefined && use !== 'sig') return 'the key is not for signatures'
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return 'the key is not for verifying'
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > 256)) return 'the `kid` is no text, or longer than 256 characters'
  if (alg !== undefined && typeof alg !== 'string') return 'the `alg` is no text'
  return undefined
}

function readSecret(jwk: Jwk, marks: Parameters<typeof secretKey>[1]): KeyResult {
  if (typeof jwk.k !== 'string' || !/^[A-Za-z0-9_-]+$/.test(jwk.k)) return { reason: 'the key cannot be read' }
  return secretKey(Buffer.from(jwk.k, 'base64url'), marks)
}
