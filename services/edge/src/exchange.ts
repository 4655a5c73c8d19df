/**
 * One request, its response, and all that was learnt about them: what the phases hand on. Made by the listener,
 * filled by each phase, recorded last. Policies see it through the face of `@sluice/policies/exchange`.
 */
import type { ClientCertificate, Identity, LimitStatement, ResponseFacts } from '@sluice/policies/exchange'
import { HeaderFields } from '@sluice/http'
import type { ErrorCode } from '@sluice/errors'
import type { EndpointState } from '@sluice/balancers/balancer'
import type { CacheNote } from './cache/cache-note.ts'
import type { CompiledRoute, CompiledSnapshot } from './compiled-snapshot.ts'
import type { ClientSide } from './listener/client-side.ts'
import { readWhole } from './listener/whole-body.ts'
import type { ChainState, PolicyChain, Step } from './policy-chain/policy-chain.ts'
import type { ShadowNotes } from './policy-chain/shadow-policy.ts'
import type { TraceContext } from './telemetry/trace-context.ts'
import type { Attempt } from './upstream/upstream-client.ts'

/** How far an exchange has come; it only grows. */
export type ExchangeStage = 'request' | 'upstream' | 'responding' | 'finished'

export class EdgeRequest {
  readonly method: string
  readonly headers: HeaderFields
  readonly target: string
  readonly declaredBytes: number | undefined
  path = ''
  /** As the client asked for it, whatever a rewrite makes of `path`; not normalised when it could not be. */
  askedPath = ''
  query = ''
  host = ''
  /** Host as the client wrote it, port included. */
  authority = ''
  port = 0

  constructor(client: ClientSide) {
    this.method = client.method
    this.headers = new HeaderFields(client.fields)
    this.target = client.target
    this.declaredBytes = client.declaredBytes
  }
}

export class EdgeExchange implements ChainState {
  readonly clientSide: ClientSide
  readonly snapshot: CompiledSnapshot
  readonly request: EdgeRequest
  readonly startedAtMs: number
  /** On the monotonic clock. */
  readonly startedAt: number
  readonly client = { address: '', peer: '', trusted: false, scheme: 'http' as 'http' | 'https' }
  readonly limits: LimitStatement[] = []
  readonly responseFields: string[] = []
  requestId: string
  stage: ExchangeStage = 'request'
  matched: CompiledRoute | undefined
  parameters: Readonly<Record<string, string>> = noParameters
  response: ResponseFacts | undefined
  identity: Identity | undefined
  steps: readonly Step[] = noSteps
  alternatives: readonly CompiledRoute[] | undefined = undefined
  shadow: ShadowNotes | undefined = undefined
  stepsReached = 0
  stepsBegun = 0
  /** Why the gateway itself ended the walk. */
  reason: ErrorCode | undefined
  /** Whether a policy refused. */
  refused = false
  status = 0
  bytesIn = 0
  /** What a policy has read ahead of the request's body; null: it was too long, and is lost. */
  keptBody: Buffer | null | undefined = undefined
  bytesOut = 0
  endpoint: EndpointState | undefined
  attempt: Attempt | undefined
  attempts = 0
  tried: Set<string> | undefined
  /** On a route with the policy `cache`. */
  cache: CacheNote | undefined = undefined
  /** Whether the response's head has gone to the client. */
  headSent = false
  trace: TraceContext | undefined
  /** Time spent waiting for upstreams, in ms. */
  upstreamMs = 0
  upstreamSince = 0
  /** When the route was known, on the monotonic clock; 0 before. */
  routedAt = 0
  /** When the request policies were through, on the monotonic clock; 0 before. */
  policiesDoneAt = 0

  constructor(clientSide: ClientSide, snapshot: CompiledSnapshot, requestId: string, startedAtMs: number, startedAt: number) {
    this.clientSide = clientSide
    this.snapshot = snapshot
    this.request = new EdgeRequest(clientSide)
    this.requestId = requestId
    this.startedAtMs = startedAtMs
    this.startedAt = startedAt
  }

  get clientCertificate(): ClientCertificate | undefined {
    return this.clientSide.clientCertificate
  }

  choose(route: CompiledRoute): PolicyChain {
    this.matched = route.split?.choose(this) ?? route
    return this.matched.chain
  }

  readBody(maxBytes: number): Promise<Buffer | undefined> {
    return readWhole(this, maxBytes)
  }

  get isOver(): boolean {
    return this.stage === 'finished'
  }

  get route(): CompiledRoute {
    return this.matched!
  }
}

const noParameters: Readonly<Record<string, string>> = Object.freeze({})
const noSteps: readonly Step[] = Object.freeze([])
