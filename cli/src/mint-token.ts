import { createPrivateKey, createPublicKey, randomUUID, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { calculateJwkThumbprint, SignJWT, type JWTPayload } from 'jose'
import { Failure } from './failure.ts'

export interface TokenWish {
  readonly keyFile: string
  readonly subject: string
  readonly ttlSeconds: number
  readonly issuer?: string | undefined
  readonly audiences: readonly string[]
  readonly scope?: string | undefined
  /** `name=value` each. */
  readonly claims: readonly string[]
}

export interface MintedToken {
  readonly token: string
  readonly kid: string
  readonly algorithm: string
  /** RFC 3339. */
  readonly expiresAt: string
}

/**
 * A JWT (RFC 7519) signed with the private key of `keyFile`; `kid` is the key's thumbprint (RFC 7638), as the
 * quickstart's key set has it. Throws a `Failure` when the key or a claim is no good.
 */
export async function mintToken(wish: TokenWish): Promise<MintedToken> {
  const key = await readPrivateKey(wish.keyFile)
  const algorithm = algorithmOf(key)
  const kid = await calculateJwkThumbprint(createPublicKey(key).export({ format: 'jwk' }))
  const issuedAt = Math.floor(Date.now() / 1000)
  const expiresAt = issuedAt + wish.ttlSeconds
  const claims: JWTPayload = { ...Object.fromEntries(wish.claims.map(parseClaim)), ...registeredClaims(wish), iat: issuedAt, exp: expiresAt, jti: randomUUID() }
  const token = await new SignJWT(claims).setProtectedHeader({ alg: algorithm, kid, typ: 'JWT' }).sign(key)
  return { token, kid, algorithm, expiresAt: new Date(expiresAt * 1000).toISOString() }
}

async function readPrivateKey(file: string): Promise<KeyObject> {
  const pem = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    const hint = cause.code === 'ENOENT' ? 'there is no such file; `npm start` makes the quickstart\'s key at its first start' : cause.code
    throw new Failure(`--key ${file}: ${hint}`, { cause })
  })
  try {
    return createPrivateKey(pem)
  } catch (cause) {
    throw new Failure(`--key ${file}: no private key in PEM without a pass phrase`, { cause })
  }
}

const algorithmsByCurve: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' }

function algorithmOf(key: KeyObject): string {
  if (key.asymmetricKeyType === 'rsa') return 'RS256'
  if (key.asymmetricKeyType === 'ed25519') return 'EdDSA'
  const algorithm = algorithmsByCurve[key.asymmetricKeyDetails?.namedCurve ?? '']
  if (algorithm !== undefined) return algorithm
  throw new Failure(`--key: a key of type ${key.asymmetricKeyType} cannot sign tokens; expected RSA, EC (P-256, P-384, P-521) or Ed25519`)
}

function registeredClaims(wish: TokenWish): JWTPayload {
  const [first, ...others] = wish.audiences
  return {
    sub: wish.subject,
    ...(wish.issuer !== undefined && { iss: wish.issuer }),
    ...(first !== undefined && { aud: others.length === 0 ? first : [first, ...others] }),
    ...(wish.scope !== undefined && { scope: wish.scope }),
  }
}

function parseClaim(text: string): [string, unknown] {
  const at = text.indexOf('=')
  if (at <= 0) throw new Failure(`--claim ${text}: expected name=value`)
  const value = text.slice(at + 1)
  try {
    return [text.slice(0, at), JSON.parse(value)]
  } catch {
    return [text.slice(0, at), value]
  }
}
