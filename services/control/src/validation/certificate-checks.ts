/** Certificates and keys that a configuration names: whether they can be read, belong together, and are good today. */
import { createPrivateKey, hash, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { certificateNames, isReference } from '@sluice/proto/config'
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
  /** As it was written: a path, or a reference; the resource's name when the text itself was. */
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
  checkKeptElsewhere(checked, problems)
}

/** A configuration is passed around: a private key has no place in it. */
function checkKeptElsewhere({ input }: Checked, problems: ProblemList): void {
  for (const { path, settings } of viewDocument(input).certificates) {
    const key = textOf(settings, 'key')
    if (key === undefined || isReference(key)) continue
    problems.add({ path: [...path, 'key'], message: 'the private key stands here in clear', expected: 'where it is kept, such as "file:key.pem" or "env:TLS_KEY"; `sluice certificates put` seals it', code: 'config.invalid' })
  }
}

/** Handshakes need a certificate, whoever's. */
export function checkSomethingShown(resolved: unknown, problems: ProblemList): void {
  if (isSomethingShown(resolved)) return
  problems.add({ path: ['listeners', 'https'], message: 'listeners.https has no certificate to show', expected: 'one in "certificates", there or beside "listeners", or by `sluice certificates put`', code: 'config.invalid' })
}

/** What only a gateway that runs can tell: whether it has a certificate by its admin API. */
export function unshownWarnings(resolved: unknown): Warning[] {
  if (isSomethingShown(resolved)) return []
  return [{ path: ['listeners', 'https'], message: 'listeners.https has no certificate here: it needs one by `sluice certificates put`' }]
}

function isSomethingShown(resolved: unknown): boolean {
  const https = httpsOf(resolved)
  return https === undefined || parts(https, 'certificates').length > 0 || viewDocument(resolved).certificates.length > 0
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
  const https = httpsOf(resolved)
  const shown = https === undefined ? [] : parts(https, 'certificates', ['listeners', 'https'])
  const server = shown.map(({ path, settings }) => ({ isServer: true, cert: placeAt(checked, path, settings, 'certFile'), key: placeAt(checked, path, settings, 'keyFile') }))
  const named = viewDocument(resolved).certificates.map(({ path, settings }) => {
    const [cert, key] = [placeAt(checked, path, settings, 'certificate'), placeAt(checked, path, settings, 'key')]
    const name = `certificates/${textOf(settings, 'name') ?? String(path.at(-1))}`
    return { isServer: true, cert: namedPlace(cert, name), key: namedPlace(key, name) }
  })
  const client = viewDocument(resolved).upstreams.map(({ path, settings }) => {
    const { tls } = settings
    const at = [...path, 'tls']
    return { isServer: false, cert: placeAt(checked, at, tls, 'clientCertFile'), key: placeAt(checked, at, tls, 'clientKeyFile') }
  })
  return [...server, ...named, ...client].filter(({ cert, key }) => cert.content !== undefined || key.content !== undefined)
}

function placeAt({ input, unread }: Checked, above: Path, settings: unknown, key: string): Place {
  const path = [...above, key]
  const content = unread.has(pointerOf(path)) ? undefined : textOf(settings, key)
  const written = path.reduce<unknown>((inner, part) => (typeof inner === 'object' && inner !== null ? (inner as Settings)[part] : undefined), input)
  return { path, content, written: typeof written === 'string' ? written : '' }
}

function httpsOf(resolved: unknown): Settings | undefined {
  const listeners = isMap(resolved) ? resolved['listeners'] : undefined
  const https = isMap(listeners) ? listeners['https'] : undefined
  return isMap(https) ? https : undefined
}

/** What is no short reference is not for sentences. */
function namedPlace(place: Place, name: string): Place {
  const { written } = place
  return isReference(written) && !written.startsWith('sealed:') ? place : { ...place, written: name }
}

type Readable = Place & { readonly content: string }

/** Pairs that were found good: a context for each of a thousand, at each write, would take a second. */
const sound = new Set<string>()
const maxSound = 4000

function checkPair(pair: Pair, problems: ProblemList): void {
  const digest = hash('sha256', JSON.stringify([pair.cert.content, pair.key.content]))
  if (sound.has(digest)) return
  const before = problems.kept.length
  lookAtPair(pair, problems)
  if (problems.kept.length > before || pair.cert.content === undefined || pair.key.content === undefined) return
  if (sound.size >= maxSound) sound.clear()
  sound.add(digest)
}

function lookAtPair({ cert, key }: Pair, problems: ProblemList): void {
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
