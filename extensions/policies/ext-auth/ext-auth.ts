import { hash } from 'node:crypto'
import type { Exchange } from '../exchange.ts'
import { type ExternalAnswer, type ExternalChecks, type ExternalQuestion, type HookResult, type Policy, type PolicyParts, type Verdict, refuse, refuseUnchecked } from '../policy.ts'
import { type ExtAuthSettings, isSettable } from './schema.ts'

const unreachable = refuse('dependency.ext_auth_unreachable')
const unnamed = refuse('policy.unauthenticated', undefined, ['WWW-Authenticate', 'Bearer realm="sluice"'])

export function compile(settings: ExtAuthSettings, parts: PolicyParts): Policy {
  return new ExtAuth(settings, parts)
}

/** Another server decides: it is told of the request, and its yes or no is carried out. */
class ExtAuth implements Policy {
  private readonly settings: ExtAuthSettings
  private readonly server: ExternalChecks

  constructor(settings: ExtAuthSettings, parts: PolicyParts) {
    const { url, grpc, timeoutMs, cacheSeconds } = settings
    this.settings = settings
    this.server = parts.identity.external({ url, grpc, timeoutMs, cacheSeconds })
  }

  onRequest(exchange: Exchange): HookResult | Promise<HookResult> {
    const question = this.questionOf(exchange)
    const answer = this.server.ask(question, this.cacheKey(question, exchange))
    return answer instanceof Promise ? answer.then((late) => this.carryOut(late, exchange)) : this.carryOut(answer, exchange)
  }

  private questionOf({ client, request, requestId, identity }: Exchange): ExternalQuestion {
    const headers: string[] = []
    for (const name of this.settings.forwardHeaders) for (const value of request.headers.getAll(name)) headers.push(name, value)
    // Who an identity policy before this one found the caller to be; never what the client claims.
    if (identity !== undefined) headers.push('x-consumer-name', encodeURIComponent(identity.consumer))
    const host = request.headers.get('host') ?? request.host
    return { requestId, method: request.method, scheme: client.scheme, host, target: request.target, address: client.address, headers }
  }

  /** Empty: nothing is remembered. */
  private cacheKey(question: ExternalQuestion, exchange: Exchange): string {
    const { cacheSeconds, cacheBy } = this.settings
    if (cacheSeconds === 0) return ''
    const { requestId: _, ...told } = question
    return hash('sha256', JSON.stringify(cacheBy === undefined ? told : cacheBy.map((name) => inputOf(name, exchange))), 'base64url')
  }

  private carryOut(answer: ExternalAnswer, exchange: Exchange): HookResult | Promise<HookResult> {
    // A claim of the client's must not pass for the server's word, whatever that was.
    for (const name of this.settings.upstreamHeaders) exchange.request.headers.remove(name)
    if (answer.outcome === 'unavailable') return this.settings.failure === 'open' ? undefined : unreachable
    if (answer.outcome === 'denied') return { kind: 'answer', status: answer.status, headers: chosen(answer.headers, (name) => this.settings.clientHeaders.includes(name)), body: answer.body }
    this.applyFields(answer, exchange)
    return this.identify(answer, exchange)
  }

  private applyFields({ headers, remove, responseHeaders }: Extract<ExternalAnswer, { outcome: 'allowed' }>, exchange: Exchange): void {
    const { request, responseFields } = exchange
    for (const name of remove) if (isSettable(name)) request.headers.remove(name.toLowerCase())
    const fields = this.settings.grpc === undefined ? chosen(headers, (name) => this.settings.upstreamHeaders.includes(name)) : chosen(headers, isSettable)
    for (let at = 0; at < fields.length; at += 2) request.headers.remove(fields[at]!.toLowerCase())
    for (let at = 0; at < fields.length; at += 2) request.headers.add(fields[at]!, fields[at + 1]!)
    responseFields.push(...chosen(responseHeaders, isSettable))
  }

  private identify({ headers }: Extract<ExternalAnswer, { outcome: 'allowed' }>, exchange: Exchange): HookResult | Promise<HookResult> {
    const { consumerHeader } = this.settings
    if (consumerHeader === undefined) return undefined
    const subject = valueOf(headers, consumerHeader)
    if (subject === undefined || subject === '') return unnamed
    const admit = (verdict: Verdict): HookResult => {
      if (verdict.outcome === 'invalid') return unnamed
      if (verdict.outcome !== 'valid') return refuseUnchecked(verdict)
      exchange.identity = verdict.identity
      return undefined
    }
    const verdict = this.server.identify(subject)
    return verdict instanceof Promise ? verdict.then(admit) : admit(verdict)
  }
}

function inputOf(name: string, { client, request, identity }: Exchange): unknown {
  switch (name) {
    case 'method': return request.method
    case 'host': return request.host
    case 'path': return request.path
    case 'query': return request.query
    case 'ip': return client.address
    case 'consumer': return identity?.consumer ?? null
    default: return request.headers.getAll(name.slice('header:'.length).toLowerCase())
  }
}

function chosen(headers: readonly string[], isWanted: (name: string) => boolean): string[] {
  const fields: string[] = []
  for (let at = 0; at < headers.length; at += 2) if (isWanted(headers[at]!.toLowerCase())) fields.push(headers[at]!, headers[at + 1]!)
  return fields
}

function valueOf(headers: readonly string[], name: string): string | undefined {
  for (let at = 0; at < headers.length; at += 2) if (headers[at]!.toLowerCase() === name) return headers[at + 1]
  return undefined
}
