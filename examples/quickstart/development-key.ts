// The key that signs the quickstart's tokens. Made at the first start and kept in the data directory, which git
// ignores: no two checkouts trust each other's tokens.
import { createHash, createPublicKey, generateKeyPairSync, type webcrypto } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface DevelopmentKey {
  /** Private key, PEM, mode 0600: what `sluice token --key` takes. */
  readonly keyFile: string
  /** Its public half as a key set (RFC 7517): what the policy `jwt` reads. */
  readonly jwksFile: string
}

/** The key in `directory`, made when missing; the key set beside it is always written anew from it. */
export function prepareDevelopmentKey(directory: string): DevelopmentKey {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const files = { keyFile: join(directory, 'dev-key.pem'), jwksFile: join(directory, 'dev-jwks.json') }
  if (!existsSync(files.keyFile)) writeWhole(files.keyFile, makePrivateKey(), 0o600)
  const jwk = createPublicKey(readFileSync(files.keyFile, 'utf8')).export({ format: 'jwk' })
  const keySet = { keys: [{ ...jwk, kid: thumbprintOf(jwk), alg: 'ES256', use: 'sig' }] }
  writeWhole(files.jwksFile, `${JSON.stringify(keySet, undefined, 2)}\n`, 0o644)
  return files
}

function makePrivateKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** The thumbprint of an EC key (RFC 7638 §3.2): `sluice token` names the key by it. */
function thumbprintOf({ crv, kty, x, y }: webcrypto.JsonWebKey): string {
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')
}

/** Half a key must never be found: written beside, then renamed. */
function writeWhole(file: string, content: string, mode: number): void {
  const draft = `${file}.${process.pid}.tmp`
  writeFileSync(draft, content, { mode })
  renameSync(draft, file)
}
