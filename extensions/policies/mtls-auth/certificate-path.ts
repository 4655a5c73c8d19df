/** Whether a client's certificate leads to one of a policy's authorities, by signatures, dates and lists of revoked ones. */
import { X509Certificate } from 'node:crypto'
import type { RevocationList } from './revocation-list.ts'

/** How many certificates may stand between a client's and its authority. */
const maxBetween = 4

export interface PathRules {
  readonly authorities: readonly X509Certificate[]
  /** Undefined: nobody asks whether a certificate is revoked. */
  readonly revocationLists: readonly RevocationList[] | undefined
}

export type PathOutcome =
  /** Good while the clock is between the two, in ms of Unix time. */
  | { readonly kind: 'good'; readonly fromMs: number; readonly untilMs: number }
  | { readonly kind: 'untrusted' }
  | { readonly kind: 'revoked' }
  /** Its authority has no list. */
  | { readonly kind: 'unlisted' }

/** The certificates of a PEM text. Throws RangeError when there is none, OpenSSL's error for one that cannot be read. */
export function readAuthorities(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)
  if (blocks === null) throw new RangeError('no "BEGIN CERTIFICATE" in it')
  return blocks.map((block) => new X509Certificate(block))
}

/** `chain`: the client's certificate first, then those that it was sent with. Costs a signature check a certificate. */
export function checkPath([own, ...others]: readonly X509Certificate[], rules: PathRules): PathOutcome {
  if (own === undefined) return { kind: 'untrusted' }
  const path = pathFrom(own, others.slice(0, maxBetween), rules.authorities)
  if (path === undefined) return { kind: 'untrusted' }
  const lists = rules.revocationLists
  const listed = lists === undefined ? 'good' : revocationOf(path, lists)
  if (listed !== 'good') return { kind: listed }
  return { kind: 'good', fromMs: Math.max(...path.map(({ validFrom }) => Date.parse(validFrom))), untilMs: Math.min(...path.map(({ validTo }) => Date.parse(validTo))) }
}

/** From the client's certificate to an authority; undefined: there is no way. */
function pathFrom(certificate: X509Certificate, others: readonly X509Certificate[], authorities: readonly X509Certificate[]): X509Certificate[] | undefined {
  const authority = authorities.find((one) => isIssuedBy(certificate, one))
  if (authority !== undefined) return [certificate, authority]
  for (const next of others) {
    if (!next.ca || !isIssuedBy(certificate, next)) continue
    const rest = pathFrom(next, others.filter((one) => one !== next), authorities)
    if (rest !== undefined) return [certificate, ...rest]
  }
  return undefined
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}

/** A client's own certificate has to be answered for; one in between is looked up where its authority has a list. */
function revocationOf(path: readonly X509Certificate[], lists: readonly RevocationList[]): 'good' | 'revoked' | 'unlisted' {
  for (const [index, issuer] of path.entries()) {
    const subject = path[index - 1]
    if (subject === undefined) continue
    const list = lists.find((one) => one.isSignedBy(issuer))
    if (list === undefined && index === 1) return 'unlisted'
    if (list?.has(subject.serialNumber) === true) return 'revoked'
  }
  return 'good'
}
