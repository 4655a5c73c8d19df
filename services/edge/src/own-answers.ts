/** What the gateway itself says to a client, in place of an upstream's response or in the middle of one that cannot be completed. */
import { catalogue, type ErrorCode } from '@sluice/errors'
import { HeaderFields } from '@sluice/http'
import type { Decision } from '@sluice/policies/policy'
import type { CacheTurn } from './cache/cache-turn.ts'
import type { StoredAnswer } from './cache/stored-answer.ts'
import type { EdgeExchange } from './exchange.ts'
import { circuitResponse } from './responder/circuit-response.ts'
import { grpcStatusFields } from './responder/grpc-status.ts'
import { answerResponse, errorResponse, refusalFacts, type OwnResponse } from './responder/own-response.ts'
import { respond, type RespondingWalk } from './respond.ts'

/** The walk that is answered. */
export interface AnsweredWalk extends RespondingWalk {
  /** On a route with the policy `cache`. */
  readonly cached: CacheTurn | undefined
  expectedBytes: number
  finish(): void
}

/** What a policy has decided. */
export function answerAsDecided(walk: AnsweredWalk, decision: Decision): void {
  const { exchange } = walk
  if (decision.kind === 'answer') return respondOwn(walk, answerResponse(decision))
  exchange.refused = catalogue[decision.code].status < 500
  exchange.reason = decision.code
  respondOwn(walk, errorResponse(refusalFacts(decision, exchange.requestId, acceptOf(exchange), exchange.clientSide.isGrpc)))
}

/** An error of the catalogue, before anything was sent. */
export function refuse(walk: AnsweredWalk, code: ErrorCode, headers?: readonly string[]): void {
  const { exchange } = walk
  if (walk.cached?.answersFor(code) === true) return
  exchange.reason = code
  const { message } = catalogue[code]
  const text = code === 'client.no_route' ? `${message} ${exchange.request.method} ${exchange.request.path}` : message
  const facts = { code, message: text, requestId: exchange.requestId, accept: acceptOf(exchange), isGrpc: exchange.clientSide.isGrpc, ...(headers === undefined ? {} : { headers }) }
  respondOwn(walk, errorResponse(facts))
}

/** `allowed`: the methods that the path exists for. */
export function refuseUnrouted(walk: AnsweredWalk, allowed: ReadonlySet<string> | undefined): void {
  if (allowed === undefined) return refuse(walk, 'client.no_route')
  if (allowed.has('GET')) (allowed as Set<string>).add('HEAD')
  refuse(walk, 'client.method_not_allowed', ['Allow', [...allowed].sort().join(', ')])
}

/** The upstream is left alone for now. */
export function answerForCircuit(walk: AnsweredWalk, now: number): void {
  const { exchange } = walk
  const { circuit, settings } = exchange.route.upstream!
  const fallback = settings.circuitBreaker?.fallback
  if (walk.cached?.answersForCircuit(fallback === 'cached') === true) return
  exchange.reason = 'upstream.circuit_open'
  const { message } = catalogue['upstream.circuit_open']
  const facts = { message, requestId: exchange.requestId, accept: acceptOf(exchange), isGrpc: exchange.clientSide.isGrpc, retryAfterSeconds: circuit?.retryAfterSeconds(now) ?? 1 }
  respondOwn(walk, circuitResponse(fallback === 'cached' ? undefined : fallback, facts))
}

/** Sends what is kept in place of the upstream's response. */
export function answerAsStored(walk: AnsweredWalk, { status, fields, body }: StoredAnswer): void {
  const { exchange } = walk
  exchange.response = { status, headers: new HeaderFields(fields) }
  walk.expectedBytes = 0
  respond(walk, () => {
    exchange.bytesOut = body?.length ?? 0
    exchange.clientSide.end(body)
    walk.finish()
  })
}

/** What was begun cannot be completed: the client must see that the response is short. */
export function cutShort(walk: AnsweredWalk, code: ErrorCode): void {
  const { clientSide } = walk.exchange
  walk.exchange.reason = code
  walk.finish()
  if (clientSide.isGrpc && clientSide.acceptsTrailers) clientSide.end(undefined, grpcStatusFields(code, catalogue[code].status, catalogue[code].message))
  else clientSide.destroy()
}

/** An error of the catalogue, however far the response has come. */
export function endWithError(walk: AnsweredWalk, code: ErrorCode): void {
  if (walk.exchange.headSent) cutShort(walk, code)
  else refuse(walk, code)
}

function respondOwn(walk: AnsweredWalk, own: OwnResponse): void {
  const { exchange } = walk
  const { clientSide, request } = exchange
  exchange.response = { status: own.status, headers: new HeaderFields(own.fields) }
  walk.expectedBytes = 0
  respond(walk, () => {
    if (own.loggedStatus !== undefined) exchange.status = own.loggedStatus
    if (request.method !== 'HEAD') exchange.bytesOut = Buffer.byteLength(own.body)
    clientSide.end(request.method === 'HEAD' ? undefined : own.body)
    walk.finish()
  })
}

function acceptOf({ request }: EdgeExchange): string | undefined {
  return request.headers.get('accept')
}
