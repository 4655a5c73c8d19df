/**
 * Lists of revoked certificates (CRL, RFC 5280 §5), read whole and verified against the authority that signs them. Lists
 * by another signer (indirect CRLs), for a part of the certificates, and of what is to be removed (delta CRLs) are not
 * taken: each says so in an extension that has to be understood, and none is.
 */
import { verify, type X509Certificate } from 'node:crypto'
import { derTag, readElement, readElements, readTime, type DerElement } from './der.ts'

export interface RevocationList {
  /** From then on another list is in force, in ms of Unix time. */
  readonly nextUpdateMs: number
  /** Whether a certificate of that serial number is revoked. */
  has(serialNumber: string): boolean
  /** Whether it is this authority's. */
  isSignedBy(authority: X509Certificate): boolean
}

/** Signature algorithms by their identifier's contents in hexadecimal (RFC 4055, RFC 5758, RFC 8410); null: the key says it. */
const hashes: Readonly<Record<string, string | null>> = {
  '2a864886f70d01010b': 'sha256', '2a864886f70d01010c': 'sha384', '2a864886f70d01010d': 'sha512',
  '2a8648ce3d040302': 'sha256', '2a8648ce3d040303': 'sha384', '2a8648ce3d040304': 'sha512',
  '2b6570': null, '2b6571': null,
}

/** The lists in a PEM text. Throws RangeError when there is none, or one that cannot be read. */
export function readRevocationLists(pem: string): RevocationList[] {
  const blocks = [...pem.matchAll(/-----BEGIN X509 CRL-----([A-Za-z0-9+/=\s]+)-----END X509 CRL-----/g)]
  if (blocks.length === 0) throw new RangeError('no "BEGIN X509 CRL" in it')
  return blocks.map(([, text]) => readList(Buffer.from(text!, 'base64')))
}

function readList(der: Buffer): RevocationList {
  const [whole, ...behind] = readElements(der)
  const [body, algorithm, signature, ...more] = whole?.tag === derTag.sequence ? readElements(whole.contents) : []
  if (body?.tag !== derTag.sequence || algorithm?.tag !== derTag.sequence || signature?.tag !== derTag.bitString || more.length + behind.length > 0) throw new RangeError('no list of revoked certificates')
  // Of the two places that name the algorithm only one is signed (§5.1.1.2); all signatures here are whole bytes.
  if (!readElements(body.contents).some((part) => part.whole.equals(algorithm.whole)) || signature.contents[0] !== 0) throw new RangeError('its signature cannot be read')
  const hash = hashes[readElement(algorithm.contents).contents.toString('hex')]
  if (hash === undefined) throw new RangeError('it is signed in a way that is not known here')
  const { nextUpdateMs, serials } = readBody(body)
  return {
    nextUpdateMs,
    has: (serialNumber) => serials.has(plainSerial(serialNumber)),
    // The first byte of a bit string counts the bits at its end that are not used.
    isSignedBy: ({ publicKey }) => verify(hash, body.whole, publicKey, signature.contents.subarray(1)),
  }
}

/** tbsCertList (§5.1): version, signature, issuer, thisUpdate, nextUpdate, revokedCertificates, extensions. */
function readBody(body: DerElement): { nextUpdateMs: number; serials: ReadonlySet<string> } {
  const parts = readElements(body.contents)
  const isTime = ({ tag }: DerElement): boolean => tag === derTag.utcTime || tag === derTag.generalizedTime
  const at = parts.findIndex(isTime)
  const nextUpdate = at < 0 ? undefined : parts[at + 1]
  if (nextUpdate === undefined || !isTime(nextUpdate)) throw new RangeError('it does not say when its next update comes')
  const rest = parts.slice(at + 2)
  for (const { tag, contents } of rest) if (tag === 0xa0) refuseCritical(contents)
  const revoked = rest.find(({ tag }) => tag === derTag.sequence)
  return { nextUpdateMs: readTime(nextUpdate), serials: new Set(revoked === undefined ? [] : readElements(revoked.contents).map(serialOf)) }
}

function serialOf(entry: DerElement): string {
  const [serial] = readElements(entry.contents)
  if (serial?.tag !== derTag.integer) throw new RangeError('a revoked certificate has no serial number')
  return plainSerial(serial.contents.toString('hex'))
}

/** In hexadecimal without leading zeros: DER puts one before a high bit, `X509Certificate` does not. */
function plainSerial(hexadecimal: string): string {
  return hexadecimal.toLowerCase().replace(/^0+(?=.)/, '')
}

/** An extension: its identifier, whether it is critical (`ff` when it is), its value. */
function refuseCritical(contents: Buffer): void {
  for (const extension of readElements(readElement(contents).contents)) {
    const [, critical] = readElements(extension.contents)
    if (critical?.tag === 0x01 && critical.contents[0] !== 0) throw new RangeError('it has a critical extension, such as those of delta and indirect lists')
  }
}
