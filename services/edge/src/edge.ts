import type { Bus } from '@sluice/buses/bus'
import type { ConfigTransport, ConfigVerifier } from '@sluice/buses/config-feed'
import type { Counters } from '@sluice/counters/counter'
import type { Clock, Logger, MetricSnapshot, MetricsRegistry, Sealing, Service } from '@sluice/service-kit'

export interface EdgeParts {
  readonly bus: Bus
  readonly scope: string
  readonly logger: Logger
  readonly clock: Clock
  readonly metrics: MetricsRegistry
  readonly name: string
  readonly zone: string
  readonly datacenter: string
  readonly workers: number
  /** The lag of a worker's event loop above which it refuses a part of the requests; 0: never [500]. */
  readonly shedLagMs?: number
  /** Whether each worker opens the port for itself instead of being handed connections [false]. */
  readonly reusePort?: boolean
  /** What responses in memory may take, in all workers together [64 MiB]. */
  readonly cacheBytes?: number
  /** Name servers that are asked for the names of endpoints [as this machine does]. */
  readonly dnsServers?: readonly string[]
  readonly dataDirectory: string
  /** Relative paths of access logs start here. */
  readonly baseDirectory: string
  /** Counted in this process for all workers, or by each worker in Redis. */
  readonly counting: { readonly counters: Counters } | { readonly redis: Readonly<Record<string, unknown>>; readonly globalRedis?: Readonly<Record<string, unknown>> }
  /** Who speaks HTTP/1.1 [own]. */
  readonly engine?: 'node' | 'own'
  /** Where this edge listens instead of at `listeners.http.address`. */
  readonly listenHttp?: string
  /** Where it listens instead of at `listeners.https.address`. */
  readonly listenHttps?: string
  /** Another way to control, for when the bus is away. */
  readonly fallback?: ConfigTransport
  /** What values of references lie sealed with on the disk [a key in the data directory]. */
  readonly sealing?: Sealing | undefined
  /** Whose revisions are taken; left out, everybody's on the bus. */
  readonly verifier?: ConfigVerifier | undefined
}

export interface Edge extends Service {
  /** Begins the workers' processes ahead of `start`; `abandon` ends them when it does not come to that. */
  warm(): void
  abandon(): void
  /** Resolves with the traffic addresses once a configuration is served; rejects when it cannot be. */
  serving(): Promise<readonly string[]>
  readonly addresses: readonly string[]
  readonly workerPids: readonly number[]
  metricsSnapshot(): Promise<readonly MetricSnapshot[]>
  /** Replaces every worker in turn, without losing a request. */
  restartWorkers(): Promise<void>
}
