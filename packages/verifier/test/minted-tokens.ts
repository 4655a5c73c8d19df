/** Tokens for tests, made by hand so that they can be wrong in any way. */
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { fixedKeys, parseConfiguredKeys, parseKeySet, type KeySet, type TokenRules } from '../src/index.ts'

export const nowSeconds = 1_800_000_000
export const plainRules: TokenRules = { issuer: 'https://id.example', audiences: ['api'], algorithms: ['RS256', 'ES256', 'EdDSA'], leewaySeconds: 0, requiredClaims: [] }
/** Of a token that is good at an instant. */
export function claimsAt(now: number) {
  return { iss: 'https://id.example', aud: 'api', sub: 'acme', exp: now + 3600, iat: now - 10 }
}

export const plainClaims = claimsAt(nowSeconds)

export const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
export const otherRsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
export const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const ed = generateKeyPairSync('ed25519')

/** base64url of the text, or of the value's JSON. */
export function part(value: unknown): string {
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
}

export function sealRsa(signingInput: string, key: KeyObject = rsa.privateKey): string {
  return `${signingInput}.${sign('sha256', Buffer.from(signingInput), key).toString('base64url')}`
}

export function sealHmac(signingInput: string, secret: string | Buffer): string {
  return `${signingInput}.${createHmac('sha256', secret).update(signingInput).digest('base64url')}`
}

/** A good RS256 token, but for what is said. Header and claims may be given as JSON text. */
export function mint(claims: unknown = plainClaims, header: unknown = { alg: 'RS256', kid: 'r1' }, key: KeyObject = rsa.privateKey): string {
  return sealRsa(`${part(header)}.${part(claims)}`, key)
}

export function jwk(key: KeyObject, members: object): object {
  return { ...key.export({ format: 'jwk' }), ...members }
}

/** The issuer's keys: `r1` (RSA), `e1` (P-256), `d1` (Ed25519). */
export function issuerKeys(algorithms: readonly string[] = ['RS256', 'ES256', 'EdDSA']): KeySet {
  const keys = [jwk(rsa.publicKey, { kid: 'r1' }), jwk(ec.publicKey, { kid: 'e1' }), jwk(ed.publicKey, { kid: 'd1' })]
  return parseKeySet(JSON.stringify({ keys }), { algorithms, origin: 'fetched' })
}

export const issuer = fixedKeys(issuerKeys())
export const sharedSecret = 'a secret of more than thirty-two bytes, for HMAC'
export const secretKeys = fixedKeys(parseConfiguredKeys([{ secret: sharedSecret }], ['HS256']))
