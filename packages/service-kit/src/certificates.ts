// X.509 certificates (RFC 5280) made on the spot: ECDSA P-256, as much of the format as a TLS peer looks at.
import { createPublicKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'

export interface CertificateOptions {
  /** DNS names and IPv4 addresses it stands for. */
  names?: readonly string[]
  /** URIs it stands for. */
  uris?: readonly string[]
  /** The subject's common name [the first of `names`, else "test"]. */
  subject?: string
  /** Who signs [itself]. */
  issuer?: MadeCertificate
  /** Its key [a new one]. */
  privateKey?: KeyObject
  /** May sign others. */
  isAuthority?: boolean
  validFrom?: Date
  validTo?: Date
}

export interface MadeCertificate {
  /** PEM. */
  cert: string
  /** PEM, PKCS #8. */
  key: string
  subject: string
  serial: Buffer
  privateKey: KeyObject
}

const dayMs = 86_400_000

export function makeCertificate(options: CertificateOptions = {}): MadeCertificate {
  const { names = [], uris = [], subject = names[0] ?? 'test', issuer, isAuthority = false } = options
  const { privateKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey } = options
  const validFrom = options.validFrom ?? new Date(Date.now() - dayMs)
  const validTo = options.validTo ?? new Date(Date.now() + 30 * dayMs)
  const serial = Buffer.concat([Buffer.from([1]), randomBytes(8)])
  const body = sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(serial),
    ecdsaWithSha256,
    nameOf(issuer?.subject ?? subject),
    sequence(time(validFrom), time(validTo)),
    nameOf(subject),
    createPublicKey(privateKey).export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(...extensions([...names.map(alternativeName), ...uris.map(uriName)], isAuthority))),
  )
  const signature = sign('sha256', body, issuer?.privateKey ?? privateKey)
  const whole = sequence(body, ecdsaWithSha256, tagged(0x03, Buffer.from([0]), signature))
  const cert = pem('CERTIFICATE', whole)
  return { cert, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, subject, serial, privateKey }
}

/** A list of revoked certificates (RFC 5280 §5) in PEM, signed by their authority. */
export function makeRevocationList({ issuer, revoked = [], nextUpdate = new Date(Date.now() + dayMs) }: { issuer: MadeCertificate; revoked?: readonly MadeCertificate[]; nextUpdate?: Date }): string {
  const entries = revoked.map(({ serial }) => sequence(integer(serial), time(new Date())))
  const body = sequence(integer(Buffer.from([1])), ecdsaWithSha256, nameOf(issuer.subject), time(new Date(Date.now() - dayMs)), time(nextUpdate), ...(entries.length === 0 ? [] : [sequence(...entries)]))
  return pem('X509 CRL', sequence(body, ecdsaWithSha256, tagged(0x03, Buffer.from([0]), sign('sha256', body, issuer.privateKey))))
}

function pem(label: string, der: Buffer): string {
  return `-----BEGIN ${label}-----\n${der.toString('base64').match(/.{1,64}/g)!.join('\n')}\n-----END ${label}-----\n`
}

function extensions(names: readonly Buffer[], isAuthority: boolean): Buffer[] {
  const found: Buffer[] = []
  if (isAuthority) found.push(sequence(identifier('551d13'), tagged(0x01, Buffer.from([0xff])), tagged(0x04, sequence(tagged(0x01, Buffer.from([0xff]))))))
  if (names.length > 0) found.push(sequence(identifier('551d11'), tagged(0x04, sequence(...names))))
  // OpenSSL looks the issuer up by name alone; an empty list of extensions is no valid one.
  if (found.length === 0) found.push(sequence(identifier('551d13'), tagged(0x04, sequence())))
  return found
}

function uriName(uri: string): Buffer {
  return tagged(0x86, Buffer.from(uri, 'latin1'))
}

function alternativeName(name: string): Buffer {
  const isAddress = /^\d+\.\d+\.\d+\.\d+$/.test(name)
  return isAddress ? tagged(0x87, Buffer.from(name.split('.').map(Number))) : tagged(0x82, Buffer.from(name, 'latin1'))
}

function nameOf(commonName: string): Buffer {
  return sequence(tagged(0x31, sequence(identifier('550403'), tagged(0x0c, Buffer.from(commonName)))))
}

function time(at: Date): Buffer {
  return tagged(0x18, Buffer.from(`${at.toISOString().replace(/[-:T]|\.\d+/g, '')}`))
}

function integer(bytes: Buffer): Buffer {
  return tagged(0x02, bytes)
}

function identifier(hex: string): Buffer {
  return tagged(0x06, Buffer.from(hex, 'hex'))
}

function sequence(...parts: Buffer[]): Buffer {
  return tagged(0x30, ...parts)
}

/** DER: tag, length, contents. */
function tagged(tag: number, ...parts: Buffer[]): Buffer {
  const contents = Buffer.concat(parts)
  const { length } = contents
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), contents])
}

const ecdsaWithSha256 = sequence(identifier('2a8648ce3d040302'))
