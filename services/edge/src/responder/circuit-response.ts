import { errorResponse, type OwnResponse } from './own-response.ts'

/** The `fallback` of a circuit breaker. */
export interface Fallback {
  readonly status: number
  readonly body?: string | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

export interface CircuitFacts {
  readonly message: string
  readonly requestId: string
  readonly accept: string | undefined
  readonly isGrpc?: boolean
  readonly retryAfterSeconds: number
}

const framing: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'connection'])
/** What the gateway's own body says of itself. */
const ofErrors: ReadonlySet<string> = new Set(['content-type', 'cache-control', 'retry-after'])

/** The response while an upstream is left alone: its fallback, or the gateway's error. */
export function circuitResponse(fallback: Fallback | undefined, facts: CircuitFacts): OwnResponse {
  const { status = 503, body, headers = {} } = fallback ?? {}
  // What frames a message is the gateway's to say.
  const given = Object.entries(headers).filter(([name]) => !framing.has(name.toLowerCase()))
  if (facts.isGrpc === true) return errorResponse({ ...facts, code: 'upstream.circuit_open' })
  if (body !== undefined || status < 400) return fixedResponse(status, body ?? '', given, facts.retryAfterSeconds)
  const fields = given.filter(([name]) => !ofErrors.has(name.toLowerCase())).flat()
  return errorResponse({ ...facts, code: 'upstream.circuit_open', status, headers: fields })
}

function fixedResponse(status: number, body: string, given: readonly (readonly [string, string])[], retryAfterSeconds: number): OwnResponse {
  const fields = given.flat()
  const has = (name: string) => given.some(([other]) => other.toLowerCase() === name)
  if (status === 503 && !has('retry-after')) fields.push('Retry-After', String(retryAfterSeconds))
  if (status === 204 || status === 304) return { status, fields, body: '' }
  if (body !== '' && !has('content-type')) fields.push('Content-Type', 'text/plain; charset=utf-8')
  fields.push('Content-Length', String(Buffer.byteLength(body)))
  return { status, fields, body }
}
