import { z } from 'zod'
import { balancerName, circuitBreaker, hashOn, stickyCookie } from './balancing.ts'
import { policyList } from './policy-entry.ts'
import { durationMs, positiveInteger, resourceMarks } from './strings.ts'

const endpointUrl = z.string().refine(isEndpointUrl, 'a URL such as "http://127.0.0.1:9001" or "https://users.internal/base", without query or user, or "unix:/run/users.sock"')

function isEndpointUrl(value: string): boolean {
  if (value.startsWith('unix:')) return isSocketPath(value.slice(5))
  if (!URL.canParse(value)) return false
  const url = new URL(value)
  return (url.protocol === 'http:' || url.protocol === 'https:') && url.hostname !== '' && url.search === '' && url.hash === '' && url.username === ''
}

/** As long as a socket's path may be on all systems; a colon would end it where a path behind it is named. */
function isSocketPath(path: string): boolean {
  return /^\/[^:\0]+$/.test(path) && Buffer.byteLength(path) <= 103
}

export const endpoint = z.strictObject({
  url: endpointUrl.describe('Where it is: `http://host:port` or `https://host:port`, with a base path if there is one, or `unix:PATH` for a Unix socket.'),
  weight: z.number().min(0).max(1000).default(1).describe('Share of the traffic beside the others; 0 takes none.'),
  zone: z.string().max(64).optional().describe('Where it stands; edges prefer their own zone, see `zones`.'),
  priority: z.int().min(0).max(100).default(0).describe('Lower ones first; higher ones only while no lower one is healthy.'),
})

const activeHealth = z.strictObject({
  kind: z.enum(['http', 'tcp', 'grpc']).default('http').describe('`http`: by GET, 200 to 399 is a success; `tcp`: that a connection comes about, with `tls` its handshake, too; `grpc`: `grpc.health.v1.Health/Check`, over HTTP/2.'),
  path: z.string().startsWith('/').default('/health').describe('With `http`: what is asked for.'),
  service: z.string().max(127).default('').describe('With `grpc`: the service asked about; the server as a whole when left empty.'),
  intervalSeconds: z.number().min(0.1).max(3600).default(10).describe('Between two probes; a second while a probe contradicts the verdict.'),
  timeoutMs: durationMs.default(2000).describe('A probe that takes longer has failed.'),
  unhealthyAfter: positiveInteger.max(100).default(3).describe('Failures in a row.'),
  healthyAfter: positiveInteger.max(100).default(2).describe('Successes in a row.'),
})

/** A source of endpoints; what else it takes is its own (`extensions/discovery-sources`), and checked by control. */
export const discoverySource = z.looseObject({ source: z.string().min(1).describe('Which kind of source.') })

/** How a connection to an endpoint is encrypted; each of them can be left out. */
export const upstreamTls = z
  .strictObject({
    caFile: z.string().min(1).optional().describe('A PEM file: the authorities that are trusted, instead of those that Node brings. Read when the configuration is applied.'),
    serverName: z.string().min(1).max(253).optional().describe("The name asked for (SNI) and looked for in the endpoint's certificate; the endpoint's host when left out."),
    clientCertFile: z.string().min(1).optional().describe('A PEM file: what the gateway shows when it is asked who it is.'),
    clientKeyFile: z.string().min(1).optional().describe('Its private key, without a passphrase; never shown.'),
  })
  .refine((value) => (value.clientCertFile === undefined) === (value.clientKeyFile === undefined), '"clientCertFile" and "clientKeyFile" stand together')

const hedge = z.strictObject({
  afterMs: durationMs.optional().describe('How long the first attempt is waited for; with `percentile`, at least so long, and so long while fewer than 100 answers are known.'),
  percentile: z.number().min(50).max(99.9).optional().describe('Waits for as long as this share of the upstream\'s answers took lately, which each worker finds out for itself [95 when `afterMs` is left out].'),
  max: positiveInteger.max(5).default(1).describe('Attempts beside the first. Each goes to another endpoint, after the same time again, and spends the budget of `retries`.'),
})

export const upstream = z
  .strictObject({
    endpoints: z.array(endpoint).min(1).max(10_000).optional().describe('Where requests may go; either these or `discovery`.'),
    discovery: discoverySource.optional().describe('Where endpoints come from when they do not stand here: a source and its settings, as listed under [discovery sources](#discovery-sources).'),
    balancer: balancerName.default('round-robin').describe('Which endpoint takes the next attempt.'),
    hashOn: hashOn.optional().describe('With `consistent-hash`: what is hashed, `client` (its address), `path`, `consumer`, `header:NAME` or `cookie:NAME` [client]. A request without it goes by the client\'s address.'),
    stickyCookie: stickyCookie.optional().describe('With `sticky-cookie`: the cookie that leads a client back to its endpoint.'),
    protocol: z.enum(['http1', 'http2']).default('http1').describe('What endpoints are spoken to in: HTTP/1.1 or HTTP/2, over TLS by ALPN, without it at once (prior knowledge). gRPC needs `http2`.'),
    hostHeader: z.string().min(1).default('client').describe('The Host sent: the `client`\'s, the `endpoint`\'s, or a literal name.'),
    health: z
      .strictObject({
        active: activeHealth.optional().describe('Probes by discovery; none when left out.'),
        passive: z.boolean().default(true).describe('A worker leaves an endpoint out for 5 s after a connection to it failed, for as long as its 503 asks by `Retry-After` (60 s at most), and for 30 s and more after five failures in a row or when it fails far more often than the others.'),
      })
      .prefault({}),
    circuitBreaker: circuitBreaker.optional().describe('Stops sending to an upstream that fails; off when left out.'),
    timeouts: z
      .strictObject({
        connectMs: durationMs.default(5000).describe('Until the connection stands.'),
        firstByteMs: durationMs.default(30_000).describe('Until the response\'s head, from when the request was sent or its body last moved.'),
        idleMs: durationMs.default(60_000).describe('Between two pieces of the response.'),
        requestMs: durationMs.default(60_000).describe('The whole exchange; event streams have no such end.'),
      })
      .prefault({}),
    retries: z
      .strictObject({
        attempts: positiveInteger.max(10).default(2).describe('Counts the first. Another endpoint is tried while nothing was sent, and when the connection broke before the response to an idempotent request without a body, or with one of which no more than `replayBytes` have passed.'),
        budgetPercent: z.number().min(0).max(100).default(20).describe('Retries are at most this share of the requests of the last ten seconds, though ten are always allowed; 0 allows none.'),
        replayBytes: z.int().min(0).max(16_777_216).default(65_536).describe('Bytes of the body of an idempotent request (`PUT`, `DELETE`) that are kept to be sent again; one that is longer is tried once. 0 keeps none.'),
      })
      .prefault({}),
    hedge: hedge.optional().describe('A second attempt beside one that keeps waiting, for `GET`, `HEAD` and `OPTIONS` without a body; off when left out.'),
    limits: z
      .strictObject({
        requestsPerEndpoint: positiveInteger.max(1_000_000).optional().describe('Requests under way at one endpoint, from one edge; its workers share it evenly. A connection carries one at a time, so it is a limit of connections, too. With all endpoints full: 503 `upstream.overloaded`.'),
      })
      .prefault({}),
    zones: z.enum(['prefer-local', 'ignore']).default('prefer-local').describe('`prefer-local`: while three or more healthy endpoints stand in the edge\'s own zone (`SLUICE_ZONE`), first attempts stay there; what of them is not healthy sends its part elsewhere.'),
    tls: upstreamTls.optional().describe('For endpoints whose URL begins with `https://`, and for all that `discovery` finds. Certificates are always verified.'),
    policies: policyList.default([]).describe('For every route to this upstream.'),
    drainSeconds: z.number().min(0).max(3600).default(30).describe('How long what is open at an endpoint goes on when the endpoint is taken out or drains; then it is cut.'),
    ...resourceMarks,
  })
  .refine((value) => (value.endpoints === undefined) !== (value.discovery === undefined), 'needs either "endpoints" or "discovery"')
  .refine((value) => value.hashOn === undefined || value.balancer === 'consistent-hash', { path: ['hashOn'], error: '"balancer: consistent-hash" beside it' })
  .refine((value) => value.hedge === undefined || value.balancer !== 'sticky-cookie', { path: ['hedge'], error: 'no "balancer: sticky-cookie" beside it, whose clients stay where they are' })
  .refine((value) => value.stickyCookie === undefined || value.balancer === 'sticky-cookie', { path: ['stickyCookie'], error: 'needs "balancer: sticky-cookie" beside it' })

export type Endpoint = z.output<typeof endpoint>
export type Upstream = z.output<typeof upstream>
export type UpstreamTls = z.output<typeof upstreamTls>
export type ActiveHealth = z.output<typeof activeHealth>
