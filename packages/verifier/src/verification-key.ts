import { createHash, type KeyObject } from 'node:crypto'
import { type AlgorithmFacts, algorithms, algorithmsOf, isAlgorithm, type AlgorithmName } from './algorithms.ts'

export interface VerificationKey {
  /** SHA-256 over the key, its `kid` and its algorithms: equal ids verify the same tokens. */
  readonly id: string
  readonly kid: string | undefined
  /** The only algorithms this key is used with. */
  readonly algorithms: readonly AlgorithmName[]
  readonly kind: 'public' | 'secret'
  /** SubjectPublicKeyInfo in DER, or the secret's bytes. */
  readonly material: Uint8Array
  /** CPU time of one check. */
  readonly microseconds: number
}

export type KeyResult = { readonly key: VerificationKey; readonly reason?: never } | { readonly key?: never; readonly reason: string }

export interface KeyMarks {
  readonly kid: string | undefined
  /** The one algorithm that the key names for itself. */
  readonly alg: string | undefined
  /** The algorithms that the rules allow; undefined leaves it to the keys. */
  readonly allowed: readonly string[] | undefined
}

/** RSA below is breakable, above is a way to spend a thread's time. */
const rsaBits = { least: 2048, most: 8192 }
const curveNames: Record<string, string> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' }

/** A key for public-key signatures, or why it is none that is used here. */
export function publicKey(key: KeyObject, marks: KeyMarks): KeyResult {
  if (key.type !== 'public') return { reason: 'it is not a public key' }
  const found = fitting(key)
  if (typeof found === 'string') return { reason: found }
  const material = key.export({ format: 'der', type: 'spki' })
  const bits = key.asymmetricKeyDetails?.modulusLength
  const factor = bits === undefined ? 1 : (bits / rsaBits.least) ** 2
  return finish('public', material, found, factor, marks)
}

/** A key for HMAC. RFC 7518 §3.2 wants it at least as long as the hash; fewer than 32 bytes fit no algorithm. */
export function secretKey(secret: Uint8Array, marks: KeyMarks): KeyResult {
  if (secret.length < algorithms.HS256.signatureBytes) return { reason: 'the secret is shorter than 32 bytes' }
  const long = algorithmsOf('secret').filter((name) => algorithms[name].signatureBytes <= secret.length)
  return finish('secret', secret, long, 1, marks)
}

/** The algorithms that the key's type, size and curve allow, or why there is none. */
function fitting(key: KeyObject): AlgorithmName[] | string {
  const { modulusLength = 0, publicExponent = 0n, namedCurve = '', hashAlgorithm } = key.asymmetricKeyDetails ?? {}
  switch (key.asymmetricKeyType) {
    case 'rsa':
    case 'rsa-pss': {
      if (modulusLength < rsaBits.least || modulusLength > rsaBits.most) return `an RSA key must have ${rsaBits.least} to ${rsaBits.most} bits`
      if (publicExponent < 3n || publicExponent % 2n === 0n || publicExponent >= 2n ** 64n) return 'the RSA exponent is not one in use'
      return algorithmsOf('rsa').filter((name) => fitsRsa(algorithms[name], key.asymmetricKeyType === 'rsa-pss', hashAlgorithm))
    }
    case 'ec': {
      const curve = curveNames[namedCurve]
      return curve === undefined ? 'the curve is not P-256, P-384 or P-521' : algorithmsOf('ec', curve)
    }
    case 'ed25519':
      return algorithmsOf('okp', 'Ed25519')
    case 'ed448':
      return algorithmsOf('okp', 'Ed448')
    default:
      return 'the key type is not one that signs tokens'
  }
}

/** A key that is marked for PSS checks nothing else, and only the hash it is restricted to (RFC 4055 §1.2). */
function fitsRsa(facts: AlgorithmFacts, onlyPss: boolean, onlyHash: string | undefined): boolean {
  return (!onlyPss || facts.pss) && (onlyHash === undefined || facts.hash === onlyHash)
}

function finish(kind: VerificationKey['kind'], material: Uint8Array, fitting: AlgorithmName[], factor: number, marks: KeyMarks): KeyResult {
  const { kid, alg, allowed } = marks
  if (alg !== undefined && !isAlgorithm(alg)) return { reason: `the algorithm "${alg.slice(0, 32)}" is not one that is accepted` }
  if (alg !== undefined && !fitting.includes(alg)) return { reason: `the key does not fit its algorithm ${alg}` }
  if (alg === undefined && allowed === undefined) return { reason: 'the key names no algorithm, and the rules allow none' }
  const own = alg === undefined ? fitting : [alg]
  const used = own.filter((name) => allowed === undefined || allowed.includes(name))
  const first = used[0]
  if (first === undefined) return { reason: 'none of the allowed algorithms fits the key' }
  const id = createHash('sha256').update(JSON.stringify([kid ?? null, used, kind])).update(material).digest('base64url')
  return { key: { id, kid, algorithms: used, kind, material, microseconds: Math.round(algorithms[first].microseconds * factor) } }
}
