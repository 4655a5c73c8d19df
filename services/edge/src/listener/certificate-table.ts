/**
 * The certificates of a listener, ready for handshakes: a secure context for each, found by the name that the client
 * asks for (SNI, RFC 6066 §3): exact, then a wildcard of one label, then the first certificate.
 */
import { constants, createHash, createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import { certificateNames, wildcardFor, type HttpsListener, type NamedCertificate } from '@sluice/proto/config'

/** A certificate as the gauge of its end knows it. */
export interface CertificateEnd {
  /** Its first host name, else its subject. */
  readonly name: string
  readonly endsAtMs: number
}

/** Why a certificate cannot be used; `pointer` is its place in the document. */
export class CertificateProblem extends Error {
  readonly pointer: string

  constructor(message: string, pointer: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'CertificateProblem'
    this.pointer = pointer
  }
}

/** AEAD with forward secrecy alone. TLS 1.3 has no others here; the second list is for `minVersion: "1.2"`. */
const ciphers = [
  'TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305', 'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')

/** Its context is made when the first client asks for it: a thousand of them at once would hold up traffic for a second. */
class CompiledCertificate implements CertificateEnd {
  readonly digest: string
  readonly name: string
  readonly names: readonly string[]
  readonly endsAtMs: number
  readonly options: SecureContextOptions
  private made: SecureContext | undefined

  constructor(digest: string, certificate: X509Certificate, options: SecureContextOptions) {
    this.digest = digest
    this.names = certificateNames(certificate)
    this.name = this.names[0] ?? (certificate.subject ?? '').replaceAll('\n', ', ')
    this.endsAtMs = Date.parse(certificate.validTo)
    this.options = options
  }

  get context(): SecureContext {
    return (this.made ??= createSecureContext(this.options))
  }
}

export class CertificateTable {
  readonly compiled: readonly CompiledCertificate[]
  /** Whether clients are asked for a certificate. */
  readonly asksClients: boolean
  private readonly byName = new Map<string, CompiledCertificate>()

  constructor(compiled: readonly CompiledCertificate[], asksClients: boolean) {
    this.compiled = compiled
    this.asksClients = asksClients
    for (const certificate of compiled) {
      for (const name of certificate.names) if (!this.byName.has(name)) this.byName.set(name, certificate)
    }
  }

  get ends(): readonly CertificateEnd[] {
    return this.compiled
  }

  /** What a server is given for handshakes without a name: the first certificate, and what all handshakes go by. */
  get defaults(): SecureContextOptions {
    return this.compiled[0]!.options
  }

  contextFor(serverName: string): SecureContext {
    const name = serverName.toLowerCase().replace(/\.$/, '')
    const wildcard = wildcardFor(name)
    const found = this.byName.get(name) ?? (wildcard === undefined ? undefined : this.byName.get(wildcard)) ?? this.compiled[0]!
    return found.context
  }
}

export interface CertificateSettings extends Pick<HttpsListener, 'certificates' | 'minVersion'> {
  /** Those that stand beside the listener's own; they come after them, by name. */
  readonly named?: readonly NamedCertificate[]
  /** PEM: what clients' certificates are checked against; undefined: clients are not asked for one. */
  readonly clientAuthorities?: readonly string[] | undefined
}

/**
 * Compiles what the document holds, whose file settings are the files' contents by now. A certificate that `previous`
 * has keeps its context. Throws `CertificateProblem`.
 */
export function compileCertificates({ certificates, named = [], minVersion, clientAuthorities }: CertificateSettings, previous?: CertificateTable): CertificateTable {
  const shared = { minVersion, clientAuthorities }
  const known = new Map(previous?.compiled.map((one) => [one.digest, one]))
  const pairs = [...certificates.map(ownPair), ...[...named].sort((a, b) => (a.name < b.name ? -1 : 1)).map(namedPair)]
  if (pairs.length === 0) throw new CertificateProblem('there is no certificate', '/listeners/https/certificates')
  return new CertificateTable(pairs.map((pair) => {
    const digest = createHash('sha256').update(JSON.stringify([pair.cert, pair.key, shared])).digest('base64')
    return known.get(digest) ?? compile(pair, shared, digest)
  }), clientAuthorities !== undefined)
}

/** PEM, and where it stands in the document. */
interface Pair {
  readonly cert: string
  readonly key: string
  readonly certAt: string
  readonly keyAt: string
}

function ownPair({ certFile, keyFile }: HttpsListener['certificates'][number], index: number): Pair {
  const at = `/listeners/https/certificates/${index}`
  return { cert: certFile, key: keyFile, certAt: `${at}/certFile`, keyAt: `${at}/keyFile` }
}

function namedPair({ name, certificate, key }: NamedCertificate): Pair {
  return { cert: certificate, key, certAt: `/certificates/${name}/certificate`, keyAt: `/certificates/${name}/key` }
}

function compile({ cert, key, certAt, keyAt }: Pair, { minVersion, clientAuthorities }: Pick<CertificateSettings, 'minVersion' | 'clientAuthorities'>, digest: string): CompiledCertificate {
  const certificate = readOr(() => new X509Certificate(cert), 'the certificate cannot be read', certAt)
  const privateKey = readOr<KeyObject>(() => createPrivateKey(key), 'the private key cannot be read', keyAt)
  if (!certificate.checkPrivateKey(privateKey)) throw new CertificateProblem('the private key does not belong to the certificate', keyAt)
  // A session that goes on brings a client along that was checked by other authorities, or long ago.
  const clients = clientAuthorities === undefined ? {} : { ca: [...clientAuthorities], secureOptions: constants.SSL_OP_NO_TICKET }
  return new CompiledCertificate(digest, certificate, { ...clients, cert, key, ciphers, honorCipherOrder: false, minVersion: minVersion === '1.2' ? 'TLSv1.2' : 'TLSv1.3', sessionIdContext, sessionTimeout: sessionSeconds })
}

/** One for all workers and certificates, so that a session goes on with another of them. */
const sessionIdContext = 'sluice'
/** How long a ticket is good for, at most: the keys under them change daily. */
const sessionSeconds = 86_400

function readOr<T>(read: () => T, message: string, pointer: string): T {
  try {
    return read()
  } catch (error) {
    // OpenSSL's words name the fault and hold nothing of the key.
    throw new CertificateProblem(`${message} (${(error as Error).message})`, pointer, error)
  }
}
