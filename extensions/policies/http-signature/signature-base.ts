/** What is signed of a request (RFC 9421 §2.5), from the bytes that the client sent. */
import type { Exchange } from '../exchange.ts'

const derived: Readonly<Record<string, (facts: TargetFacts) => string>> = {
  '@method': ({ method }) => method,
  '@scheme': ({ scheme }) => scheme,
  '@authority': ({ authority }) => authority,
  '@target-uri': ({ scheme, authority, path, query }) => `${scheme}://${authority}${path}${query === undefined ? '' : `?${query}`}`,
  '@request-target': ({ target }) => target,
  '@path': ({ path }) => path,
  // RFC 9421 §2.2.7: with its question mark, which stands there also when there is no query.
  '@query': ({ query }) => `?${query ?? ''}`,
}

interface TargetFacts {
  readonly method: string
  readonly scheme: string
  readonly authority: string
  readonly target: string
  readonly path: string
  /** Undefined when there is no question mark. */
  readonly query: string | undefined
}

/** Why a component cannot be asked for or checked, or undefined. */
export function componentProblem(name: string): string | undefined {
  if (name.startsWith('@')) return Object.hasOwn(derived, name) ? undefined : `one of ${Object.keys(derived).join(', ')}, or a field's name`
  // What signs cannot sign itself.
  if (name === 'signature' || name === 'signature-input') return 'a field other than those of the signature'
  return /^[!#$%&'*+.^_`|~0-9a-z-]{1,128}$/.test(name) ? undefined : "a field's name in lower case"
}

/**
 * The text that was signed, one character a byte; undefined when something covered is not there or cannot be told.
 * `parameters` is the value of the signature's member in `Signature-Input`.
 */
export function signatureBase(exchange: Exchange, components: readonly string[], parameters: string): string | undefined {
  const facts = targetFacts(exchange)
  if (facts === undefined) return undefined
  let base = ''
  for (const name of components) {
    const value = componentProblem(name) !== undefined ? undefined : name.startsWith('@') ? derived[name]!(facts) : fieldValue(exchange, name)
    if (value === undefined) return undefined
    base += `"${name}": ${value}\n`
  }
  return `${base}"@signature-params": ${parameters}`
}

/** RFC 9421 §2.1: each line without blanks around it, joined by a comma and a blank. */
function fieldValue({ request }: Exchange, name: string): string | undefined {
  const values = request.headers.getAll(name)
  return values.length === 0 ? undefined : values.map((value) => value.trim()).join(', ')
}

const defaultPorts: Readonly<Record<string, string>> = { http: ':80', https: ':443' }

/** Undefined when Host and the target name different hosts: it cannot be told which one was signed. */
function targetFacts({ client, request }: Exchange): TargetFacts | undefined {
  const { scheme } = client
  const written = (request.headers.get('host') ?? request.host).toLowerCase()
  const port = defaultPorts[scheme]
  const authority = port !== undefined && written.endsWith(port) ? written.slice(0, -port.length) : written
  if (authority !== request.host && !authority.startsWith(`${request.host}:`)) return undefined
  const whole = originForm(request.target)
  const mark = whole.indexOf('?')
  const path = mark < 0 ? whole : whole.slice(0, mark)
  return { method: request.method, scheme, authority, target: request.target, path, query: mark < 0 ? undefined : whole.slice(mark + 1) }
}

/** RFC 9112 §3.2.2: a proxy may be asked with the whole URI. */
function originForm(target: string): string {
  const match = /^https?:\/\/[^/?]*/i.exec(target)
  if (match === null) return target
  const rest = target.slice(match[0].length)
  return rest.startsWith('/') ? rest : `/${rest}`
}
