/** What host agent and workers say to each other over IPC, beside the bus's own relay. */
import type { LimitScope } from '@sluice/policies/policy'
import type { BreakGlassOrder } from '@sluice/proto/break-glass'
import type { MetricSnapshot } from '@sluice/service-kit'
import type { HeldCircuit } from '../balancer/circuit-breaker.ts'
import type { DiscoveredEndpoint } from '../balancer/upstream-state.ts'
import type { EnterReply, OpenRequestsMessage } from '../quota/open-requests.ts'
import type { TakeReply, TakeRequest } from '../quota/parent-counters.ts'
import type { UsagePart } from '../telemetry/usage-part.ts'

export interface WorkerSettings {
  readonly scope: string
  /** Of the edge. */
  readonly name: string
  readonly zone: string
  readonly datacenter: string
  readonly workers: number
  /** The lag of the event loop above which a part of the requests is refused; 0: never. */
  readonly shedLagMs: number
  /** Whether this worker opens the port for itself. */
  readonly reusePort: boolean
  /** What responses in memory may take in this worker. */
  readonly cacheBytes: number
  /** Asked for the names of endpoints; empty: as this machine does. */
  readonly dnsServers: readonly string[]
  readonly dataDirectory: string
  /** Relative paths of access logs start here. */
  readonly baseDirectory: string
  /** Instead of `listeners.http.address`. */
  readonly listenHttp: string | undefined
  /** Instead of `listeners.https.address`. */
  readonly listenHttps: string | undefined
  readonly logLevel: string
  readonly engine: 'node' | 'own'
  /** Undefined: the parent counts. */
  readonly redis: Readonly<Record<string, unknown>> | undefined
  /** Where limits of scope `global` are counted; undefined: where the others are. */
  readonly globalRedis: Readonly<Record<string, unknown>> | undefined
}

/** A revision, as what has to be done to the one sent before. */
export interface ConfigMessage {
  readonly kind: 'config'
  readonly revision: number
  readonly digest: string
  /** Lines of a delta, or all there are for a worker that has been given nothing. */
  readonly lines: string
  /** A worker of this edge has run it: its self-tests have been passed. */
  readonly isProven: boolean
}

export interface EndpointsMessage {
  readonly kind: 'endpoints'
  readonly upstream: string
  readonly endpoints: readonly DiscoveredEndpoint[]
  readonly heldCircuit: HeldCircuit
}

/** How many workers there are on all live edges, as control has counted last. */
export interface FleetMessage {
  readonly kind: 'fleet'
  readonly workers: Readonly<Record<LimitScope, number>>
}

/** The break-glass orders that are in force; `key` is what the worker says of one that it obeys. */
export interface OrdersMessage {
  readonly kind: 'orders'
  readonly orders: readonly { readonly key: string; readonly order: BreakGlassOrder }[]
}

export type ToWorker =
  | { readonly kind: 'boot'; readonly settings: WorkerSettings }
  | ConfigMessage
  | EndpointsMessage
  | FleetMessage
  | OrdersMessage
  /** What session tickets are encrypted under: 48 bytes, the same for all, so that each worker takes the sessions of the others. */
  | { readonly kind: 'ticket-keys'; readonly keys: Uint8Array }
  /** Everything known at the start has been sent. */
  | { readonly kind: 'prepare' }
  /** From now on the worker counts among those that serve. */
  | { readonly kind: 'listen' }
  | { readonly kind: 'drain'; readonly lameDuckMs: number; readonly deadlineMs: number }
  | { readonly kind: 'gather-metrics'; readonly id: number }
  | { readonly kind: 'taken'; readonly replies: readonly TakeReply[] }
  | { readonly kind: 'entered'; readonly replies: readonly EnterReply[] }
  | { readonly kind: 'ping' }

export interface Refusal {
  readonly code: string
  readonly pointer: string
  readonly detail: string
}

export type FromWorker =
  | { readonly kind: 'started' }
  /** Everything before `prepare` has been taken in. */
  | { readonly kind: 'prepared' }
  | { readonly kind: 'listening'; readonly addresses: readonly string[] }
  | { readonly kind: 'applied'; readonly revision: number; readonly digest: string; readonly addresses: readonly string[] }
  | { readonly kind: 'refused'; readonly revision: number; readonly digest: string; readonly refusal: Refusal }
  | { readonly kind: 'credentials'; readonly version: number }
  /** These orders are obeyed, and no others. */
  | { readonly kind: 'obeyed'; readonly orders: readonly string[] }
  | { readonly kind: 'usage'; readonly part: UsagePart }
  | { readonly kind: 'metrics'; readonly id: number; readonly snapshot: readonly MetricSnapshot[] }
  | { readonly kind: 'take'; readonly takes: readonly TakeRequest[] }
  | OpenRequestsMessage
  /** The worker was told to end: a new one takes its place first. */
  | { readonly kind: 'replace-me' }
  | { readonly kind: 'pong' }

interface Envelope<M> {
  readonly sluiceEdge: M
}

/** Sends one message; false when the other end is gone. */
export function sendMessage<M extends ToWorker | FromWorker>(end: { send?(message: unknown, ...rest: never[]): unknown; connected?: boolean }, message: M): void {
  const send = end.send as ((message: unknown, handle: undefined, options: undefined, done: () => void) => boolean) | undefined
  send?.call(end, { sluiceEdge: message } satisfies Envelope<M>, undefined, undefined, () => undefined)
}

/** The message inside, undefined for what belongs to somebody else. */
export function readMessage<M>(raw: unknown): M | undefined {
  return typeof raw === 'object' && raw !== null && 'sluiceEdge' in raw ? (raw as Envelope<M>).sluiceEdge : undefined
}
