/**
 * The self-tests of a revision: requests with what is expected of them, answered with the revision while it is still aside. The walk is the one that
 * requests take, up to where it would leave the process: nothing is sent to an upstream, policies that count or ask another server are passed over, and nothing
 * is logged or measured. The first that is not answered as expected refuses the revision. `sluice check` tries them in the same way, by `offline-self-tests.ts`.
 */
import { catalogue, type ErrorCode } from '@sluice/errors'
import { HeaderFields } from '@sluice/http'
import { findPolicy } from '@sluice/policies'
import type { Decision } from '@sluice/policies/policy'
import type { SelfTest } from '@sluice/proto/config'
import { identifyClient } from './client/identify-client.ts'
import type { CompiledRoute, CompiledSnapshot } from './compiled-snapshot.ts'
import { EdgeExchange } from './exchange.ts'
import type { ClientSide } from './listener/client-side.ts'
import { readRequest } from './parser/read-request.ts'
import { type PolicyChain, runRequestHooks, runResponseHooks, type Step } from './policy-chain/policy-chain.ts'
import { SnapshotRefused } from './received-config.ts'
import { answerResponse, errorResponse, refusalFacts, type OwnResponse } from './responder/own-response.ts'
import { writeResponseFields } from './responder/response-fields.ts'
import { findRoute } from './router/find-route.ts'
import type { Router } from './router/router.ts'

export interface SelfTestParts {
  readonly tests: readonly SelfTest[]
  /** Not in force yet. */
  readonly snapshot: CompiledSnapshot
  /** What is found in the table as it will be, all at one moment. */
  readonly lookAside: <T>(look: (router: Router<CompiledRoute>) => T) => T
}

/** How long the gateway may take for one request, and for all of them. */
const oneMs = 1000
const allMs = 5000

/** What became of a request. */
export interface Outcome {
  readonly route: string | undefined
  /** Where it would be sent, one of these; empty: it is answered here. */
  readonly upstreams: readonly string[]
  readonly status: number | undefined
  readonly reason: ErrorCode | undefined
  readonly headers: HeaderFields
}

interface Tried {
  readonly test: SelfTest
  readonly exchange: EdgeExchange
  /** Undefined: `outcome` is there already. */
  readonly route: CompiledRoute | undefined
  readonly outcome: Outcome | undefined
}

/** Resolves when all are answered as expected; throws `SnapshotRefused` naming the first that is not, with what was expected and what came. */
export async function runSelfTests(parts: SelfTestParts): Promise<void> {
  for await (const [test, outcome] of trySelfTests(parts)) {
    const wrong = differenceOf(test.expect, outcome)
    if (wrong !== undefined) throw new SnapshotRefused(failureOf(test, wrong), `/selfTests/${test.name}`)
  }
}

/** What becomes of each, in their order; undefined: no answer in time. */
export async function* trySelfTests({ tests, snapshot, lookAside }: SelfTestParts): AsyncGenerator<readonly [SelfTest, Outcome | undefined]> {
  const tried = lookAside((router) => tests.map((test) => begin(test, snapshot, router)))
  const deadline = performance.now() + allMs
  for (const { test, exchange, route, outcome } of tried) yield [test, outcome ?? (await within(Math.min(oneMs, deadline - performance.now()), walk(exchange, route!)))]
}

export function failureOf({ name, request: { method, url } }: SelfTest, wrong: string): string {
  return `self-test "${name}" (${method} ${url}): ${wrong}`
}

function begin(test: SelfTest, snapshot: CompiledSnapshot, router: Router<CompiledRoute>): Tried {
  const exchange = new EdgeExchange(clientOf(test), snapshot, `self-test-${test.name}`, Date.now(), performance.now())
  const { client, request, clientSide } = exchange
  identifyClient(client, clientSide.peerAddress, clientSide.encrypted, request.headers, snapshot.trustedProxies)
  const unreadable = readRequest(request, client.scheme)
  if (unreadable !== undefined) return { test, exchange, route: undefined, outcome: { ...nothing(), status: catalogue[unreadable].status, reason: unreadable } }
  const { route, allowed } = findRoute(router, request, client.address)
  if (route !== undefined) return { test, exchange, route, outcome: undefined }
  const reason = allowed === undefined ? 'client.no_route' : 'client.method_not_allowed'
  return { test, exchange, route, outcome: { ...nothing(), status: catalogue[reason].status, reason } }
}

/** Through the policies, as far as they can be tried. */
async function walk(exchange: EdgeExchange, route: CompiledRoute): Promise<Outcome> {
  const chain = triedChain(route.chain)
  exchange.matched = route
  exchange.steps = chain.steps
  const decision = await runRequestHooks(exchange, chain)
  const upstreams = decision === undefined && route.upstream !== undefined ? upstreamsOf(route) : []
  if (upstreams.length > 0 || decision === undefined) return { ...nothing(), route: route.name, upstreams }
  const own = ownResponse(decision, exchange)
  exchange.response = { status: own.status, headers: new HeaderFields(own.fields) }
  await runResponseHooks(exchange)
  const { status, headers } = exchange.response
  writeResponseFields(headers, exchange)
  return { route: route.name, upstreams, status, reason: decision.kind === 'refusal' ? decision.code : undefined, headers }
}

function ownResponse(decision: Decision, { requestId, request }: EdgeExchange): OwnResponse {
  if (decision.kind === 'answer') return answerResponse(decision)
  return errorResponse(refusalFacts(decision, requestId, request.headers.get('accept'), false))
}

/** Without what counts or asks, and without break-glass orders, which lie over every revision. */
function triedChain(chain: PolicyChain): PolicyChain {
  const tried = (steps: readonly Step[]) => steps.filter(({ type }) => findPolicy(type)?.countsOrAsks === undefined && type !== 'break-glass')
  const steps = tried(chain.steps)
  return { ...chain, steps, lastIdentity: steps.findLastIndex(({ isIdentity }) => isIdentity), forGroups: (groups) => tried(chain.forGroups(groups)) }
}

function upstreamsOf({ upstream, split }: CompiledRoute): string[] {
  return split === undefined ? [upstream!.name] : split.ways().map((way) => way.upstream!.name)
}

/** What of it is not as expected, and what came; undefined: nothing. */
export function differenceOf({ route, upstream, status, reason, headers }: SelfTest['expect'], got: Outcome | undefined): string | undefined {
  if (got === undefined) return 'no answer in time'
  const came = got.upstreams.length > 0 ? `it would be sent to upstream ${got.upstreams.map((name) => `"${name}"`).join(' or ')}` : got.status === undefined ? 'nobody answers it' : `it is answered ${got.status}${got.reason === undefined ? '' : ` ${got.reason}`}`
  const by = got.route === undefined ? 'no route' : `route "${got.route}"`
  if (route !== undefined && route !== got.route) return `expected route "${route}", got ${by}: ${came}`
  if (upstream !== undefined && !got.upstreams.includes(upstream)) return `expected upstream "${upstream}", got ${by}: ${came}`
  if (status !== undefined && status !== got.status) return `expected status ${status}, got ${by}: ${came}`
  if (reason !== undefined && reason !== got.reason) return `expected reason "${reason}", got ${by}: ${came}`
  for (const [name, value] of Object.entries(headers)) {
    const found = got.headers.get(name.toLowerCase())
    if (found === undefined || (value !== '*' && found !== value)) return `expected header "${name}: ${value}", got ${found === undefined ? 'none' : `"${found}"`} by ${by}: ${came}`
  }
  return undefined
}

function nothing(): Outcome {
  return { route: undefined, upstreams: [], status: undefined, reason: undefined, headers: new HeaderFields([]) }
}

/** Undefined: not in time. */
async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>()
  const timer = setTimeout(late.resolve, Math.max(0, ms), undefined)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
    work.catch(() => undefined)
  }
}

/** A client that is not there: it asks, and nobody sends it anything. */
function clientOf({ request: { method, url, headers, address } }: SelfTest): ClientSide {
  // As it is written: what a URL does to dots and escapes is the gateway's to do here.
  const [, scheme, host = '', target = ''] = /^(https?):\/\/([^/?#]*)([^#]*)/i.exec(url)!
  const encrypted = scheme!.toLowerCase() === 'https'
  const none = (): never => {
    throw new Error('a self-test has no connection')
  }
  return {
    method,
    target: target.startsWith('/') ? target : `/${target}`,
    fields: ['Host', host, ...Object.entries(headers).flat()],
    httpVersion: '1.1',
    peerAddress: address,
    localPort: encrypted ? 443 : 80,
    encrypted,
    upgrade: undefined,
    isGrpc: false,
    acceptsTrailers: false,
    declaredBytes: 0,
    isGone: false,
    watcher: undefined,
    body: none,
    sendHead: none,
    send: none,
    end: none,
    switchProtocols: none,
    closeAfterwards: () => undefined,
    destroy: () => undefined,
  }
}
