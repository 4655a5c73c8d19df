/**
 * The keys that may sign a token: a JWKS document (RFC 7517 §5) or keys written into the configuration. Each key is
 * pinned to its algorithms when it is read, so that a token cannot choose how its signature is looked at
 * (RFC 8725 §2.1, §3.1): a public key never becomes an HMAC secret, a curve never another.
 */
import { createPublicKey } from 'node:crypto'
import { SluiceError } from '@sluice/errors'
import { readJwk, withoutSecrets } from './jwk.ts'
import { type KeyResult, publicKey, secretKey, type VerificationKey } from './verification-key.ts'

export interface KeySet {
  readonly keys: readonly VerificationKey[]
  /** What of the document is not used, and why: for logs. */
  readonly passedOver: readonly { readonly kid: string; readonly reason: string }[]
  /** Whether the key of this id is still in the set. */
  has(keyId: string): boolean
  /** At most four keys to try. A key without `kid` fits every token, a token without `kid` every key. */
  find(algorithm: string, kid: string | undefined): readonly VerificationKey[]
}

export interface KeySetRules {
  /** The allowed algorithms; undefined when each key names its own. */
  readonly algorithms: readonly string[] | undefined
  /** Fetched sets are read leniently and hold no secrets; local ones must hold at least one key that can be used. */
  readonly origin: 'fetched' | 'local'
}

export interface ConfiguredKey {
  readonly kid?: string
  readonly alg?: string
  /** A public key or certificate. */
  readonly pem?: string
  /** For HMAC; its UTF-8 bytes are the key. */
  readonly secret?: string
}

const maxKeys = 256
/** An issuer without `kid` could make each token cost as many checks as it has keys. */
const maxTried = 4

/**
 * Reads a JWKS document. Throws `config.invalid` when it is none, has more than 256 keys, or is local and holds no
 * key that can be used.
 */
export function parseKeySet(jwks: string, rules: KeySetRules): KeySet {
  const results = documentKeys(jwks).map((jwk) => ({
    kid: kidOf(jwk),
    ...readJwk(jwk, { allowed: rules.algorithms, secrets: rules.origin === 'local' }),
  }))
  const set = keySet(results)
  if (rules.origin === 'local' && set.keys.length === 0) throw invalid(['the key set has no key that can be used', ...reasonsOf(set)])
  return set
}

/** The keys of a configuration. Throws `config.invalid` with every key that cannot be used. */
export function parseConfiguredKeys(keys: readonly ConfiguredKey[], algorithms: readonly string[] | undefined): KeySet {
  const results = keys.map((key, index) => ({ kid: key.kid ?? `keys[${index}]`, ...readConfigured(key, algorithms) }))
  const set = keySet(results)
  if (set.passedOver.length > 0) throw invalid(reasonsOf(set))
  if (set.keys.length === 0) throw invalid(['there is no key'])
  return set
}

/** Why a key of a configuration cannot be used; undefined when it can. */
export function configuredKeyProblem(key: ConfiguredKey, algorithms: readonly string[] | undefined): string | undefined {
  return readConfigured(key, algorithms).reason
}

/** Why a key set that lies at hand cannot be used; undefined when it can. */
export function keySetProblem(jwks: string, algorithms: readonly string[] | undefined): string | undefined {
  try {
    parseKeySet(jwks, { algorithms, origin: 'local' })
    return undefined
  } catch (error) {
    if (error instanceof SluiceError) return error.detail
    throw error
  }
}

/** The document with its public keys only, to be sent on. Throws `config.invalid` when it is no JWKS. */
export function publicKeySet(jwks: string): { keys: Record<string, unknown>[] } {
  return { keys: documentKeys(jwks).map(withoutSecrets).filter((jwk) => jwk !== undefined) }
}

function documentKeys(jwks: string): unknown[] {
  let document: unknown
  try {
    document = JSON.parse(jwks)
  } catch (cause) {
    throw invalid(['the key set is not JSON'], cause)
  }
  const keys = typeof document === 'object' && document !== null ? (document as { keys?: unknown }).keys : undefined
  if (!Array.isArray(keys)) throw invalid(['the key set has no list `keys`'])
  if (keys.length > maxKeys) throw invalid([`the key set has more than ${maxKeys} keys`])
  return keys
}

function readConfigured(key: ConfiguredKey, allowed: readonly string[] | undefined): KeyResult {
  const marks = { kid: key.kid, alg: key.alg, allowed }
  if ((key.pem === undefined) === (key.secret === undefined)) return { reason: 'either `pem` or `secret` is needed' }
  if (key.secret !== undefined) return secretKey(Buffer.from(key.secret, 'utf8'), marks)
  // createPublicKey would quietly take the public half; a private key does not belong on a gateway.
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(key.pem!)) return { reason: 'it is a private key; give the public one' }
  try {
    return publicKey(createPublicKey(key.pem!), marks)
  } catch {
    return { reason: 'it is neither a public key nor a certificate in PEM' }
  }
}

function keySet(results: readonly ({ kid: string } & KeyResult)[]): KeySet {
  const keys = results.flatMap((result) => (result.key === undefined ? [] : [result.key]))
  const passedOver = results.flatMap(({ kid, reason }) => (reason === undefined ? [] : [{ kid, reason }]))
  const ids = new Set(keys.map((key) => key.id))
  return { keys, passedOver, has: (keyId) => ids.has(keyId), find: (algorithm, kid) => findKeys(keys, algorithm, kid) }
}

function findKeys(keys: readonly VerificationKey[], algorithm: string, kid: string | undefined): VerificationKey[] {
  const fitting = keys.filter((key) => (kid === undefined || key.kid === undefined || key.kid === kid) && (key.algorithms as readonly string[]).includes(algorithm))
  // The key that was named goes before those without a name.
  return fitting.sort((a, b) => Number(b.kid === kid) - Number(a.kid === kid)).slice(0, maxTried)
}

function kidOf(jwk: unknown): string {
  const kid = typeof jwk === 'object' && jwk !== null ? (jwk as { kid?: unknown }).kid : undefined
  return typeof kid === 'string' ? kid.slice(0, 256) : ''
}

function reasonsOf(set: KeySet): string[] {
  return set.passedOver.map(({ kid, reason }) => (kid === '' ? reason : `${kid}: ${reason}`))
}

function invalid(reasons: readonly string[], cause?: unknown): SluiceError {
  return new SluiceError('config.invalid', { detail: reasons.join('; '), ...(cause === undefined ? {} : { cause }) })
}
