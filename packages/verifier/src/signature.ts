import { constants, createHmac, createPublicKey, createSecretKey, type KeyObject, timingSafeEqual, verify } from 'node:crypto'
import { type AlgorithmFacts, algorithms, type AlgorithmName } from './algorithms.ts'
import type { VerificationKey } from './verification-key.ts'

export interface ImportedKey {
  readonly key: KeyObject
  /** Of RSA and EdDSA signatures, which the key decides; reading it from the key costs 2 µs a time. */
  readonly signatureBytes: number
}

/** The key as node:crypto wants it; costs about 40 µs for RSA, so it is kept by whoever checks with it. */
export function importKey({ kind, material }: Pick<VerificationKey, 'kind' | 'material'>): ImportedKey {
  if (kind === 'secret') return { key: createSecretKey(material), signatureBytes: 0 }
  const key = createPublicKey({ key: Buffer.from(material), format: 'der', type: 'spki' })
  if (key.asymmetricKeyType === 'ed25519') return { key, signatureBytes: 64 }
  if (key.asymmetricKeyType === 'ed448') return { key, signatureBytes: 114 }
  return { key, signatureBytes: Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8) }
}

/**
 * Whether `signature` is one by the key over `data`. A signature of another length than the algorithm makes is refused
 * before the key is used (RFC 8017 §8.2.2 step 1, RFC 7518 §3.4).
 */
export function isSignature(algorithm: AlgorithmName, { key, signatureBytes }: ImportedKey, data: Uint8Array, signature: Uint8Array): boolean {
  const facts: AlgorithmFacts = algorithms[algorithm]
  if (signature.length !== (facts.signatureBytes || signatureBytes)) return false
  if (facts.keyType === 'secret') return timingSafeEqual(createHmac(facts.hash!, key).update(data).digest(), signature)
  if (facts.keyType === 'okp') return verify(null, data, key, signature)
  if (facts.keyType === 'ec') return verify(facts.hash, data, { key, dsaEncoding: 'ieee-p1363' }, signature)
  const padding = facts.pss
    ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : { padding: constants.RSA_PKCS1_PADDING }
  return verify(facts.hash, data, { key, ...padding }, signature)
}
