/**
 * Values that lie where they must not be read: in a store, on a disk, in a configuration that people pass around.
 * AES-256-GCM (NIST SP 800-38D) under keys from a file. The nonce is taken from an HMAC of the value, so that equal values
 * are sealed to equal texts: a document that is written twice stays the same. That two are equal is all that shows.
 */
import { createCipheriv, createDecipheriv, createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { SettingsError } from './settings.ts'

export interface Sealing {
  /** Base64url, of any text. */
  seal(text: string): string
  /** Throws an `Error` that holds nothing of the value: it was changed, or sealed with a key that is not known here. */
  unseal(sealed: string): string
}

const format = 1
const idBytes = 4
const nonceBytes = 12
const tagBytes = 16
const keyText = /^[A-Za-z0-9_-]{43}$/

interface Keys {
  readonly id: Buffer
  readonly encryption: Buffer
  readonly nonce: Buffer
}

/** Seals with the first of the keys and unseals with any of them; each is 32 bytes. */
export function createSealing(keys: readonly Uint8Array[]): Sealing {
  const derived = keys.map(deriveKeys)
  const [first] = derived
  if (first === undefined) throw new RangeError('sealing needs a key')
  return {
    seal: (text) => seal(text, first),
    unseal: (sealed) => unseal(Buffer.from(sealed, 'base64url'), derived),
  }
}

/**
 * The sealing of a file of keys: one on each line, 32 bytes as base64url, the one to seal with first. Throws a
 * `SettingsError` that names `setting`.
 */
export function sealingFrom(file: string, setting: string): Sealing {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new SettingsError([`${setting}: ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`])
  }
  const lines = text.split('\n').map((line) => line.trim()).filter((line) => line !== '')
  if (lines.length === 0 || !lines.every((line) => keyText.test(line))) throw new SettingsError([`${setting}: ${file} holds no keys; expected 32 random bytes as base64url on each line, such as \`openssl rand 32 | basenc --base64url | tr -d =\` makes`])
  return createSealing(lines.map((line) => Buffer.from(line, 'base64url')))
}

/** The sealing with the key in `sealing-key` of a directory, made when there is none; for its owner alone. */
export function sealingIn(directory: string): Sealing {
  const file = join(directory, 'sealing-key')
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  try {
    writeFileSync(file, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return sealingFrom(file, 'the data directory')
}

function deriveKeys(key: Uint8Array): Keys {
  const part = (purpose: string) => Buffer.from(hkdfSync('sha256', key, new Uint8Array(), purpose, 32))
  return { id: createHash('sha256').update(part('sluice sealing: name')).digest().subarray(0, idBytes), encryption: part('sluice sealing: encryption'), nonce: part('sluice sealing: nonce') }
}

function seal(text: string, { id, encryption, nonce: nonceKey }: Keys): string {
  const nonce = createHmac('sha256', nonceKey).update(text).digest().subarray(0, nonceBytes)
  const head = Buffer.concat([Buffer.of(format), id])
  const cipher = createCipheriv('aes-256-gcm', encryption, nonce).setAAD(head)
  return Buffer.concat([head, nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString('base64url')
}

function unseal(bytes: Buffer, known: readonly Keys[]): string {
  const [head, rest] = [bytes.subarray(0, 1 + idBytes), bytes.subarray(1 + idBytes)]
  if (bytes[0] !== format || rest.length < nonceBytes + tagBytes) throw new Error('it is no sealed value')
  const keys = known.find(({ id }) => id.equals(head.subarray(1)))
  if (keys === undefined) throw new Error('it was sealed with a key that is not known here')
  const decipher = createDecipheriv('aes-256-gcm', keys.encryption, rest.subarray(0, nonceBytes)).setAAD(head).setAuthTag(rest.subarray(-tagBytes))
  try {
    return Buffer.concat([decipher.update(rest.subarray(nonceBytes, -tagBytes)), decipher.final()]).toString('utf8')
  } catch {
    throw new Error('it was changed after it was sealed')
  }
}
