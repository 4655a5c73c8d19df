// Keys that issuers of tests sign with, and tokens made from them: good ones and ones that must be refused (RFC 7515, RFC 7518).
import { createHmac, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'
import { usedSecrets } from './used-secrets.ts'

export interface SigningKey {
  readonly kid: string
  readonly alg: string
  /** As the configuration of a `jwt` policy names it. */
  readonly configured: { readonly kid: string; readonly alg: string; readonly pem?: string; readonly secret?: string }
  /** As a key set shows it; undefined for a shared secret. */
  readonly jwk: Readonly<Record<string, unknown>> | undefined
  readonly sign: (input: string) => Buffer
}

const hashes: Record<string, string> = { 256: 'sha256', 384: 'sha384', 512: 'sha512' }
const curves: Record<string, string> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }
const rsaKeys = { pair: undefined as { publicKey: KeyObject; privateKey: KeyObject } | undefined }

/** A key for one algorithm; those of RSA are one key under several names, since making one takes a second of CPU. */
export function makeKey(alg: string, kid = `key-${alg}-${randomBytes(3).toString('hex')}`): SigningKey {
  if (alg.startsWith('HS')) return secretKey(alg, kid)
  const { publicKey, privateKey } = keyPair(alg)
  const configured = { kid, alg, pem: publicKey.export({ format: 'pem', type: 'spki' }) as string }
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' }
  return { kid, alg, configured, jwk, sign: (input) => signWith(alg, privateKey, Buffer.from(input)) }
}

function secretKey(alg: string, kid: string): SigningKey {
  const secret = randomBytes(48).toString('base64url')
  return { kid, alg, configured: { kid, alg, secret }, jwk: undefined, sign: (input) => hmac(alg, secret, input) }
}

function keyPair(alg: string): { publicKey: KeyObject; privateKey: KeyObject } {
  if (alg === 'EdDSA') return generateKeyPairSync('ed25519')
  const namedCurve = curves[alg]
  if (namedCurve !== undefined) return generateKeyPairSync('ec', { namedCurve })
  return (rsaKeys.pair ??= generateKeyPairSync('rsa', { modulusLength: 2048 }))
}

function signWith(alg: string, key: KeyObject, input: Buffer): Buffer {
  const hash = hashes[alg.slice(2)] ?? null
  if (alg.startsWith('ES')) return sign(hash, input, { key, dsaEncoding: 'ieee-p1363' })
  if (alg.startsWith('PS')) return sign(hash, input, { key, padding: 6, saltLength: Number(alg.slice(2)) / 8 })
  return sign(hash, input, key)
}

function hmac(alg: string, secret: string | Buffer, input: string): Buffer {
  return createHmac(hashes[alg.slice(2)]!, secret).update(input).digest()
}

export type Claims = Readonly<Record<string, unknown>>

/** Seconds since the Unix epoch, `offset` seconds from now. */
export function secondsFromNow(offset: number): number {
  return Math.floor(Date.now() / 1000) + offset
}

/** A token that is good for an hour unless its claims say otherwise; `header` replaces fields of the usual one. */
export function mint(key: SigningKey, claims: Claims, header: Claims = {}): string {
  const input = inputOf({ alg: key.alg, kid: key.kid, typ: 'JWT', ...header }, claims)
  const signature = key.sign(input).toString('base64url')
  usedSecrets.add(signature)
  return `${input}.${signature}`
}

/** RFC 8725 §2.1: a token that says that it is not signed. */
export function mintUnsigned(claims: Claims, header: Claims = {}): string {
  return `${inputOf({ alg: 'none', ...header }, claims)}.`
}

/** RFC 8725 §2.1: the public key, which everybody has, taken for a shared secret. */
export function mintWithPublicKey(key: SigningKey, claims: Claims): string {
  const input = inputOf({ alg: 'HS256', kid: key.kid }, claims)
  return `${input}.${hmac('HS256', key.configured.pem!, input).toString('base64url')}`
}

/** The token with other claims under the old signature. */
export function withOtherClaims(token: string, claims: Claims): string {
  const [header, payload = '', signature] = token.split('.')
  const before = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as Claims
  return [header, encode({ ...before, ...claims }), signature].join('.')
}

/** The token with one bit of its signature turned. */
export function withBrokenSignature(token: string): string {
  const [header, payload, signature = ''] = token.split('.')
  const bytes = Buffer.from(signature, 'base64url')
  bytes[0]! ^= 1
  return [header, payload, bytes.toString('base64url')].join('.')
}

function inputOf(header: Claims, claims: Claims): string {
  return `${encode(header)}.${encode({ iat: secondsFromNow(0), exp: secondsFromNow(3600), ...claims })}`
}

function encode(value: Claims): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
