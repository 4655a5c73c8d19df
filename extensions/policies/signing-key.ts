/** Private keys of the gateway's own, which it signs tokens for upstreams with (RFC 7515, RFC 7517). */
import { createPrivateKey, createPublicKey, type KeyObject, sign, type webcrypto } from 'node:crypto'
import { z } from 'zod'

const names = { ed25519: 'EdDSA', 'P-256': 'ES256', rsa: 'RS256' } as const

export type SigningAlgorithm = (typeof names)[keyof typeof names]

export interface SigningKey {
  readonly kid: string
  readonly algorithm: SigningAlgorithm
  /** base64url of the signature over `input`. Costs 40 to 700 µs of the event loop, RSA the most. */
  sign(input: string): string
  /** What others check with; nothing private is in it. */
  readonly jwk: webcrypto.JsonWebKey
}

export const signingKeySettings = z.strictObject({
  kid: z.string().regex(/^[\x21-\x7e]{1,128}$/, 'a name of at most 128 ASCII characters without blanks').describe('What upstreams find it by.'),
  pem: z.string().min(1).describe('The private key in PEM (Ed25519, P-256, or RSA from 2048 bits), by `file:PATH` or `env:NAME`.'),
})

/** Throws RangeError with what is wrong. */
export function readSigningKey({ kid, pem }: z.output<typeof signingKeySettings>): SigningKey {
  const key = readPrivate(pem)
  const algorithm = algorithmOf(key)
  const jwk = { ...createPublicKey(key).export({ format: 'jwk' }), kid, alg: algorithm, use: 'sig' } as webcrypto.JsonWebKey
  return { kid, algorithm, jwk, sign: (input) => signWith(algorithm, key, Buffer.from(input)).toString('base64url') }
}

/** Why a key cannot be used, or undefined; one whose reference was not read is a problem of its own. */
export function signingKeyProblem(settings: z.output<typeof signingKeySettings>): string | undefined {
  if (/^(?:env|file):/.test(settings.pem)) return undefined
  try {
    readSigningKey(settings)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

function readPrivate(pem: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch {
    throw new RangeError('it is no private key in PEM, or one that is encrypted')
  }
}

function algorithmOf(key: KeyObject): SigningAlgorithm {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'ed25519') return names.ed25519
  if (key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1') return names['P-256']
  if (key.asymmetricKeyType === 'rsa' && modulusLength >= 2048) return names.rsa
  throw new RangeError('the key is not Ed25519, P-256, or RSA from 2048 bits')
}

function signWith(algorithm: SigningAlgorithm, key: KeyObject, input: Buffer): Buffer {
  if (algorithm === 'EdDSA') return sign(null, input, key)
  return sign('sha256', input, algorithm === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' } : key)
}
