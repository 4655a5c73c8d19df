/**
 * What control vouches for with its signature (Ed25519, RFC 8032): that a revision of a scope has a content, and that orders
 * stand. Whoever owns the bus can then hold a revision back, and forge none: segments and deltas are checked against the digest.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { SluiceError } from '@sluice/errors'

export interface SealedFacts {
  readonly scope: string
  readonly revision: number
  readonly digest: string
  readonly forcedRevision: number
}

/** Break-glass orders of a datacenter, as they are sent. */
export interface OrderFacts {
  readonly scope: string
  readonly datacenter: string
  readonly entries: string
}

export interface ConfigSigner {
  sign(facts: SealedFacts): Uint8Array
  signOrders(facts: OrderFacts): Uint8Array
  /** Whether it was signed with this key, as by another control. */
  hasSignedOrders(facts: OrderFacts, signature: Uint8Array): boolean
}

export interface ConfigVerifier {
  /** Whether one of the keys has signed it. */
  verify(facts: SealedFacts, signature: Uint8Array): boolean
  verifyOrders(facts: OrderFacts, signature: Uint8Array): boolean
}

/** The signer of the private key in `file`; none without one. Throws `config.invalid`, naming `setting`. */
export function configSignerFrom(file: string | undefined, setting: string): ConfigSigner | undefined {
  return file === undefined ? undefined : createConfigSigner(readPem(file, setting))
}

/** What trusts the public keys in `file`; nothing is checked without one. Throws `config.invalid`, naming `setting`. */
export function configVerifierFrom(file: string | undefined, setting: string): ConfigVerifier | undefined {
  return file === undefined ? undefined : createConfigVerifier(readPem(file, setting))
}

/** A pair of keys in PEM: PKCS #8, and SPKI. */
export function createConfigKeys(): { privateKey: string; publicKey: string } {
  return generateKeyPairSync('ed25519', { privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } })
}

/** `pem` is a private key. Throws `config.invalid` for anything but Ed25519. */
export function createConfigSigner(pem: string): ConfigSigner {
  const key = readKey(pem, createPrivateKey)
  const publicKey = createPublicKey(key)
  return {
    sign: (facts) => sign(null, textOf(facts), key),
    signOrders: (facts) => sign(null, textOfOrders(facts), key),
    hasSignedOrders: (facts, signature) => verify(null, textOfOrders(facts), publicKey, signature),
  }
}

/** `pem` holds one public key or several, so that a new one is known before it is used. Throws `config.invalid`. */
export function createConfigVerifier(pem: string): ConfigVerifier {
  const blocks = pem.match(/-----BEGIN [A-Z ]+-----[^-]+-----END [A-Z ]+-----/g) ?? []
  if (blocks.length === 0) throw notEd25519()
  const keys = blocks.map((block) => readKey(block, createPublicKey))
  const isSigned = (text: Buffer, signature: Uint8Array) => keys.some((key) => verify(null, text, key, signature))
  return {
    verify: (facts, signature) => isSigned(textOf(facts), signature),
    verifyOrders: (facts, signature) => isSigned(textOfOrders(facts), signature),
  }
}

/** Begins differently, so that no signature of a revision is one of orders. */
function textOfOrders({ scope, datacenter, entries }: OrderFacts): Buffer {
  return Buffer.from(`sluice break-glass 1\n${JSON.stringify([scope, datacenter, entries])}\n`)
}

function textOf({ scope, revision, digest, forcedRevision }: SealedFacts): Buffer {
  return Buffer.from(`sluice configuration 1\n${JSON.stringify([scope, revision, digest, forcedRevision])}\n`)
}

function readPem(file: string, setting: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new SluiceError('config.invalid', { detail: `${setting}: ${file} cannot be read (${(cause as NodeJS.ErrnoException).code})`, cause })
  }
}

function readKey(pem: string, read: (pem: string) => KeyObject): KeyObject {
  let key: KeyObject
  try {
    key = read(pem)
  } catch (cause) {
    throw notEd25519(cause)
  }
  if (key.asymmetricKeyType !== 'ed25519') throw notEd25519()
  return key
}

function notEd25519(cause?: unknown): SluiceError {
  return new SluiceError('config.invalid', { detail: 'The key for revisions is no Ed25519 key in PEM; `openssl genpkey -algorithm ed25519` makes one', cause })
}
