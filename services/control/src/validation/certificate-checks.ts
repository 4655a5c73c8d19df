/** Certificates and keys that a configuration names: whether they can be read, belong together, and are good today. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { certificateNames } from '@sluice/proto/config'
import { isMap, parts, type Settings, textOf, viewDocument } from './document-view.ts'
import { type Path, pointerOf, type ProblemList, type Warning } from './problem.ts'

interface Pair {
  readonly cert: Place
  readonly key: Place
  /** Whether it is shown to clients, by its names. */
  readonly isServer: boolean
}

interface Place {
  readonly path: Path
  /** PEM; undefined when it is not there or could not be read. */
  readonly content: string | undefined
  /** As it was written: a path, or a reference. */
  readonly written: string
}

interface Checked {
  /** As the author wrote it. */
  readonly input: unknown
  /** With the files' contents in place. */
  readonly resolved: unknown
  /** Pointers to what could not be read, which is a problem already. */
  readonly unread: ReadonlySet<string>
}

export function checkCertificates(checked: Checked, problems: ProblemList): void {
  for (const pair of pairsIn(checked)) checkPair(pair, problems)
  for (const { path, settings } of viewDocument(checked.resolved).upstreams) {
    const ca = placeAt(checked, [...path, 'tls'], settings['tls'], 'caFile')
    if (ca.content !== undefined) readCertificates(ca as Readable, problems)
  }
}

/** What is allowed and will hardly do: certificates out of their time, names that two of them claim. */
export function certificateWarnings(checked: Checked, nowMs: number): Warning[] {
  const claimed = new Map<string, string>()
  return pairsIn(checked).flatMap(({ cert, isServer }) => {
    if (cert.content === undefined) return []
    const certificate = new X509Certificate(cert.content)
    const names = certificateNames(certificate)
    const messages = outOfTime(certificate, cert.written, nowMs)
    if (isServer && names.length === 0) messages.push(`the certificate in "${cert.written}" stands for no host name`)
    for (const name of isServer ? names : []) {
      const other = claimed.get(name)
      if (other === undefined) claimed.set(name, cert.written)
      else messages.push(`the certificate in "${other}" stands for "${name}" too and comes first`)
    }
    return messages.map((message) => ({ path: cert.path, message }))
  })
}

/** `tls` says how endpoints are spoken to whose URL says that they are not. */
export function idleTlsWarnings(resolved: unknown): Warning[] {
  return viewDocument(resolved).upstreams.flatMap(({ name, path, settings }) => {
    const urls = parts(settings, 'endpoints').map((endpoint) => textOf(endpoint.settings, 'url') ?? '')
    const isIdle = settings['tls'] !== undefined && urls.length > 0 && !urls.some((url) => /^https:/i.test(url))
    return isIdle ? [{ path: [...path, 'tls'], message: `no endpoint of "${name}" is spoken to over TLS: each URL begins with "http://"` }] : []
  })
}

function pairsIn(checked: Checked): Pair[] {
  const { resolved } = checked
  const listeners = isMap(resolved) ? resolved['listeners'] : undefined
  const https = isMap(listeners) ? listeners['https'] : undefined
  const shown = isMap(https) ? parts(https, 'certificates', ['listeners', 'https']) : []
  const server = shown.map(({ path, settings }) => ({ isServer: true, cert: placeAt(checked, path, settings, 'certFile'), key: placeAt(checked, path, settings, 'keyFile') }))
  const client = viewDocument(resolved).upstreams.map(({ path, settings }) => {
    const { tls } = settings
    const at = [...path, 'tls']
    return { isServer: false, cert: placeAt(checked, at, tls, 'clientCertFile'), key: placeAt(checked, at, tls, 'clientKeyFile') }
  })
  return [...server, ...client].filter(({ cert, key }) => cert.content !== undefined || key.content !== undefined)
}

function placeAt({ input, unread }: Checked, above: Path, settings: unknown, key: string): Place {
  const path = [...above, key]
  const content = unread.has(pointerOf(path)) ? undefined : textOf(settings, key)
  const written = path.reduce<unknown>((inner, part) => (typeof inner === 'object' && inner !== null ? (inner as Settings)[part] : undefined), input)
  return { path, content, written: typeof written === 'string' ? written : '' }
}

type Readable = Place & { readonly content: string }

function checkPair({ cert, key }: Pair, problems: ProblemList): void {
  const certificate = cert.content === undefined ? undefined : readCertificates(cert as Readable, problems)
  const privateKey = key.content === undefined ? undefined : readKey(key as Readable, problems)
  if (certificate === undefined || privateKey === undefined) return
  if (!certificate.checkPrivateKey(privateKey)) {
    problems.add({ path: key.path, message: `the private key in "${key.written}" does not belong to the certificate in "${cert.written}"`, code: 'config.invalid' })
    return
  }
  try {
    createSecureContext({ cert: cert.content!, key: key.content! })
  } catch (error) {
    problems.add({ path: cert.path, message: `the certificate in "${cert.written}" cannot be used (${reasonOf(error)})`, code: 'config.invalid' })
  }
}

const certificateBlock = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g

/** The first of the file's certificates, when all of them can be read. */
function readCertificates({ path, content, written }: Readable, problems: ProblemList): X509Certificate | undefined {
  const blocks = content.match(certificateBlock) ?? []
  if (blocks.length === 0) {
    problems.add({ path, message: `there is no certificate in "${written}"`, expected: 'PEM, which begins with "-----BEGIN CERTIFICATE-----"', code: 'config.invalid' })
    return undefined
  }
  for (const [index, block] of blocks.entries()) {
    try {
      new X509Certificate(block)
    } catch (error) {
      problems.add({ path, message: `certificate ${index + 1} in "${written}" cannot be read (${reasonOf(error)})`, code: 'config.invalid' })
      return undefined
    }
  }
  return new X509Certificate(blocks[0]!)
}

function readKey({ path, content, written }: Readable, problems: ProblemList): KeyObject | undefined {
  try {
    return createPrivateKey(content)
  } catch {
    const hasPassphrase = /ENCRYPTED/.test(content)
    const message = hasPassphrase ? `the private key in "${written}" has a passphrase` : `there is no private key in "${written}" that can be read`
    const expected = hasPassphrase ? 'a key without one' : 'PEM, which begins with "-----BEGIN PRIVATE KEY-----"'
    problems.add({ path, message, expected, code: 'config.invalid' })
    return undefined
  }
}

function outOfTime({ validFrom, validTo }: X509Certificate, written: string, nowMs: number): string[] {
  if (Date.parse(validTo) <= nowMs) return [`the certificate in "${written}" expired at ${new Date(validTo).toISOString()}`]
  return Date.parse(validFrom) > nowMs ? [`the certificate in "${written}" is not valid before ${new Date(validFrom).toISOString()}`] : []
}

/** OpenSSL's word for what is wrong, which holds nothing of the file. */
function reasonOf(error: unknown): string {
  return (error as { reason?: string }).reason ?? 'it is malformed'
}
