/** One worker: takes revisions in, compiles and adopts them, listens, and carries exchanges through the pipeline. */
import type { Bus } from '@sluice/buses/bus'
import { createRelayedBus, ipcChannel } from '@sluice/buses/relay'
import { cacheStoreNamed } from '@sluice/cache-stores'
import type { CacheStore } from '@sluice/cache-stores/cache-store'
import { countersNamed } from '@sluice/counters'
import { catalogue as policyCatalogue } from '@sluice/policies'
import { linesOf } from '@sluice/proto/config'
import type { Logger } from '@sluice/service-kit'
import { MetricsRegistry, oncePerMinute, systemClock } from '@sluice/service-kit'
import { createVerifier } from '@sluice/verifier'
import { join, resolve } from 'node:path'
import { loadBalancers } from './balancer/load-balancers.ts'
import { measureUpstreams } from './balancer/upstream-metrics.ts'
import { UpstreamFindings } from './balancer/upstream-findings.ts'
import { UpstreamRegistry } from './balancer/upstream-registry.ts'
import { sortOrders } from './break-glass/standing-orders.ts'
import { PurgeFeed } from './cache/purge-feed.ts'
import { ResponseCache } from './cache/response-cache.ts'
import { SnapshotCompiler } from './compile-snapshot.ts'
import type { CompiledSnapshot } from './compiled-snapshot.ts'
import { createFinishedRecord } from './finished-record.ts'
import { createIdentity, type EdgeIdentity } from './identity/identity.ts'
import { CertificateProblem } from './listener/certificate-table.ts'
import { ListenerSet, type PreparedListeners } from './listener/listener-set.ts'
import { createTlsMetrics } from './listener/tls-metrics.ts'
import { Overload } from './overload/overload.ts'
import { Pipeline } from './pipeline.ts'
import { type Frame, SnapshotRefused } from './received-config.ts'
import { runSelfTests } from './self-tests.ts'
import { loadPolicies } from './policy-chain/compile-chain.ts'
import { ParentCounters } from './quota/parent-counters.ts'
import { ParentOpenRequests } from './quota/parent-open-requests.ts'
import { createQuota } from './quota/quota.ts'
import { QuotaEvents } from './quota/quota-events.ts'
import { refuseAtOnce } from './responder/refuse-at-once.ts'
import { collectStartGarbage } from './start-garbage.ts'
import { openAccessLog } from './telemetry/access-log.ts'
import { newRequestId } from './telemetry/request-id.ts'
import { createTelemetry, type Telemetry } from './telemetry/telemetry.ts'
import { Deadlines } from './upstream/deadlines.ts'
import { countHedges } from './upstream/hedged-attempt.ts'
import { HostResolver, resolveHost } from './upstream/host-resolver.ts'
import { Mirrors } from './upstream/mirrors.ts'
import { PoolSet } from './upstream/pool-set.ts'
import { UpstreamTlsProblem } from './upstream/upstream-tls.ts'
import { Tunnels } from './upgrade/tunnels.ts'
import type { LimitScope } from '@sluice/policies/policy'
import type { ConfigMessage, FromWorker, OrdersMessage, Refusal, ToWorker, WorkerSettings } from './workers/messages.ts'

/**
 * Exchanges a second of which analytics is told one by one; all are counted. Enough for quantiles by the minute, and
 * a tenth of what a thousand cost the parent.
 */
const eventsPerSecond = 200

export interface EdgeWorkerParts {
  readonly logger: Logger
  readonly tell: (message: FromWorker) => void
  /** Everything is finished and flushed; the process may end. */
  readonly onDrained: () => void
  /** It cannot go on; another worker has to take its place. */
  readonly onBroken: (error: Error) => void
}

interface Running {
  readonly settings: WorkerSettings
  readonly compiler: SnapshotCompiler
  readonly identity: EdgeIdentity
  readonly telemetry: Telemetry
  readonly listeners: ListenerSet
  readonly pools: PoolSet
  readonly overload: Overload
  readonly findings: UpstreamFindings
  readonly cache: ResponseCache
  readonly purges: PurgeFeed
}

export class EdgeWorker {
  private readonly parts: EdgeWorkerParts
  private readonly metrics = new MetricsRegistry()
  private readonly deadlines = new Deadlines(() => systemClock.monotonic())
  private upstreams: UpstreamRegistry | undefined
  private parentCounters: ParentCounters | undefined
  private openRequests: ParentOpenRequests | undefined
  /** Workers of all live edges; undefined: control has not said it yet. */
  private fleet: Readonly<Record<LimitScope, number>> | undefined
  private running: Running | undefined
  private snapshot: CompiledSnapshot | undefined
  private doors: PreparedListeners | undefined
  private mayListen = false
  private draining = false
  private accessLogSettings = ''
  /** Messages are handled one after another. */
  private queue: Promise<void> = Promise.resolve()

  constructor(parts: EdgeWorkerParts) {
    this.parts = parts
  }

  onMessage(message: ToWorker): void {
    if (message.kind === 'taken') this.parentCounters?.onReplies(message.replies)
    else if (message.kind === 'entered') this.openRequests?.onReplies(message.replies)
    else if (message.kind === 'ping') this.parts.tell({ kind: 'pong' })
    else if (message.kind === 'gather-metrics') this.parts.tell({ kind: 'metrics', id: message.id, snapshot: this.metrics.snapshot() })
    else if (message.kind === 'drain') void this.drain(message.lameDuckMs, message.deadlineMs)
    else this.queue = this.queue.then(() => this.handle(message)).catch((error: unknown) => this.parts.onBroken(error as Error))
  }

  private async handle(message: ToWorker): Promise<void> {
    switch (message.kind) {
      case 'boot':
        this.running = await this.boot(message.settings)
        return undefined
      case 'prepare':
        return this.parts.tell({ kind: 'prepared' })
      case 'config':
        return this.takeRevision(message)
      case 'endpoints':
        if (this.upstreams?.discover(message.upstream, message.endpoints, message.heldCircuit) === true) this.running?.pools.keepOnly(this.upstreams.origins(), this.upstreams.tlsSettings())
        return undefined
      case 'fleet':
        this.fleet = message.workers
        return undefined
      case 'orders':
        return this.obey(message)
      case 'ticket-keys':
        return this.running?.listeners.useTicketKeys(message.keys)
      case 'listen':
        return this.listen()
    }
  }

  private async listen(): Promise<void> {
    this.mayListen = true
    collectStartGarbage()
    try {
      await this.running?.listeners.open(this.doors)
      this.parts.tell({ kind: 'listening', addresses: this.running?.listeners.addresses ?? [] })
    } catch (error) {
      const { revision = 0, digest = '' } = this.snapshot ?? {}
      this.parts.tell({ kind: 'refused', revision, digest, refusal: refusalOf(error) })
    }
  }

  private async boot(settings: WorkerSettings): Promise<Running> {
    const { logger } = this.parts
    logger.level = settings.logLevel
    const bus = createRelayedBus(ipcChannel(process as never))
    const quota = await this.openQuota(settings, bus)
    const identity = createIdentity({
      bus,
      scope: settings.scope,
      verifier: createVerifier({ threads: 1 }),
      clock: systemClock,
      logger,
      keySetDirectory: join(settings.dataDirectory, 'keysets'),
      revokedTokenFile: join(settings.dataDirectory, 'revoked-tokens.json'),
      limiter: (rules) => quota.limiter(rules),
      onAttempt: this.countAttempts(),
    })
    identity.onCredentialVersion((version) => this.parts.tell({ kind: 'credentials', version }))
    await identity.start()
    const telemetry = createTelemetry({ metrics: this.metrics, clock: systemClock, eventsPerSecond, onUsage: (part) => this.parts.tell({ kind: 'usage', part }) })
    const upstreams = new UpstreamRegistry(await loadBalancers(), { zone: settings.zone, workers: settings.workers })
    this.upstreams = upstreams
    const findings = new UpstreamFindings({ bus, scope: settings.scope, edge: settings.name, zone: settings.zone, worker: process.pid, upstreams: () => upstreams.all(), clock: systemClock })
    findings.start()
    measureUpstreams(() => upstreams.all(), this.metrics, systemClock)
    const policies = await loadPolicies(policyCatalogue.map((entry) => entry.name))
    const compiler = new SnapshotCompiler({ policies, upstreams, policyParts: { clock: systemClock, logger, identity: identity.part, quota }, adjust: (frame) => listeningAt(settings, frame) })
    const pools = new PoolSet(settings.engine, this.resolver(settings.dnsServers).lookup)
    const { cache, purges } = await this.openCache(settings, bus)
    const pipeline = this.createPipeline(telemetry, pools, cache)
    const overload = new Overload({ shedLagMs: settings.shedLagMs, metrics: this.metrics, logger })
    const refusedConnections = this.metrics.counter('sluice_connections_refused_total', 'Connections that were not let in, by why.', ['reason'])
    const listeners = new ListenerSet({
      isServing: () => !this.draining && this.snapshot !== undefined,
      onExchange: (client) => (overload.refuses() ? refuseAtOnce(client, 'internal.overloaded', newRequestId()) : pipeline.begin(client)),
      onConnections: (change) => telemetry.connectionsActive.add(change),
      requestId: newRequestId,
      onRefused: (reason) => refusedConnections.with(reason).add(1),
      workers: settings.workers,
      reusePort: settings.reusePort,
      addressLimit: (scheme, limit) => quota.openLimit({ counter: `connections.${scheme}`, limit }),
      ...createTlsMetrics(this.metrics, () => this.running?.listeners.certificates, () => systemClock.now()),
      addressSettings: addressSettings(settings),
    }, settings.engine)
    this.deadlines.start()
    return { settings, compiler, identity, telemetry, listeners, pools, overload, findings, cache, purges }
  }

  private resolver(servers: readonly string[]): HostResolver {
    const failures = this.metrics.counter('sluice_name_resolution_failures_total', 'Names of endpoints that could not be resolved, by whether an older answer took its place.', ['kept'])
    const warn = oncePerMinute((problem, times) => this.parts.logger.warn({ problem, times }, 'the name of an endpoint cannot be resolved'))
    return new HostResolver({
      resolve: resolveHost(servers),
      now: () => systemClock.monotonic(),
      onFailure: (host, error, kept) => {
        failures.with(String(kept)).add(1)
        warn(`${host}: ${(error as NodeJS.ErrnoException).code ?? error.message}`)
      },
    })
  }

  private async openCache(settings: WorkerSettings, bus: Bus): Promise<{ cache: ResponseCache; purges: PurgeFeed }> {
    const { cacheBytes, scope, name } = settings
    const { createMemoryCache } = await cacheStoreNamed('memory').load()
    const store = createMemoryCache({ maxBytes: cacheBytes }, { clock: systemClock })
    const openShared = settings.redis === undefined ? undefined : await this.sharedCacheIn(settings.redis)
    // Bodies on their way are held beside the store, which cannot put others out for them.
    const cache: ResponseCache = new ResponseCache({ store, openShared, maxGatheringBytes: Math.floor(cacheBytes / 2), clock: systemClock, metrics: this.metrics, onInvalidated: (urls) => purges.tellOvertaken(urls) })
    const warn = oncePerMinute((problem, times) => this.parts.logger.warn({ problem, times }, 'a purge cannot be read, or not be told to the store that edges share'))
    const onProblem = (subject: string, error: unknown): void => warn(`${subject}: ${String(error)}`)
    const purges = new PurgeFeed({ bus, scope, edge: name, worker: String(process.pid), clock: systemClock, cache, onMalformed: onProblem, onError: onProblem })
    purges.start()
    return { cache, purges }
  }

  /** Opens it once a route wants it. */
  private async sharedCacheIn(where: NonNullable<WorkerSettings['redis']>): Promise<() => CacheStore> {
    const { createRedisCache } = await cacheStoreNamed('redis').load()
    const warn = oncePerMinute((problem, times) => this.parts.logger.warn({ problem, times }, 'the store of kept responses in Redis cannot be reached'))
    return () => createRedisCache(where as never, { clock: systemClock, onConnectionError: (error) => warn(String(error)) })
  }

  private createPipeline(telemetry: Telemetry, pools: PoolSet, cache: ResponseCache): Pipeline {
    const finished = createFinishedRecord()
    return new Pipeline({
      snapshot: () => this.snapshot,
      pools,
      tunnels: new Tunnels(() => systemClock.monotonic()),
      deadlines: this.deadlines,
      hedges: countHedges(this.metrics),
      cache,
      mirrors: new Mirrors({ pools, deadlines: this.deadlines, clock: systemClock, metrics: this.metrics }),
      clock: systemClock,
      logger: this.parts.logger,
      requestId: newRequestId,
      record: (exchange, endedAt) => telemetry.record(finished.fill(exchange, endedAt)),
    })
  }

  private countAttempts(): (method: string, outcome: 'failed' | 'throttled') => void {
    const counted = this.metrics.counter('sluice_identity_attempts_total', 'Attempts to say who is calling that came to nothing, by policy: failed, or throttled and not looked at.', ['policy', 'outcome'])
    return (policy, outcome) => counted.with(policy, outcome).add(1)
  }

  private async openQuota(settings: WorkerSettings, bus: Bus) {
    const { createMemoryCounters } = await countersNamed('memory').load()
    const own = createMemoryCounters()
    const degraded = this.metrics.counter('sluice_limit_degraded_total', 'Limits decided while the counters were away, by how.', ['decision'])
    const warn = oncePerMinute((problem, times) => this.parts.logger.warn({ problem, times }, 'the counters in Redis cannot be reached'))
    const onDegraded = (decision: string): void => degraded.with(decision).add(1)
    const inRedis = async (where: NonNullable<WorkerSettings['redis']>) => (await countersNamed('redis').load()).createRedisCounters(where as never, { onConnectionError: (error) => warn(String(error)) })
    const shared = settings.redis === undefined ? this.countInParent() : await inRedis(settings.redis)
    const global = settings.globalRedis === undefined ? undefined : await inRedis(settings.globalRedis)
    const openRequests = new ParentOpenRequests((message) => this.parts.tell(message))
    this.openRequests = openRequests
    const dropped = this.metrics.counter('sluice_quota_events_dropped_total', 'Quotas that have reached a threshold, not told to control because a worker tells of 100 a second.').with()
    const events = new QuotaEvents({ bus, scope: settings.scope, edge: settings.name, datacenter: settings.datacenter, clock: systemClock, onDropped: () => dropped.add(1) })
    return createQuota({ shared, global, own, openRequests, clock: systemClock, scope: settings.scope, place: settings, workers: (scope) => this.fleet?.[scope] ?? settings.workers, onDegraded, onReached: (event) => events.tell(event) })
  }

  private countInParent(): ParentCounters {
    this.parentCounters = new ParentCounters((takes) => this.parts.tell({ kind: 'take', takes }))
    return this.parentCounters
  }

  /** Compiles aside, opens new sockets, then swaps: whatever fails leaves the running snapshot as it is. */
  private async takeRevision(message: ConfigMessage): Promise<void> {
    const { revision, digest } = message
    try {
      await this.adopt(message)
      const addresses = this.running?.listeners.addresses ?? []
      this.parts.tell({ kind: 'applied', revision, digest, addresses })
    } catch (error) {
      this.parts.tell({ kind: 'refused', revision, digest, refusal: refusalOf(error) })
    }
  }

  private async adopt({ revision, digest, lines, isProven }: ConfigMessage): Promise<void> {
    const { compiler, listeners, telemetry, identity, pools } = this.running!
    await compiler.receive(linesOf(lines))
    const prepared = await compiler.prepare({ revision, digest })
    const { snapshot, frame, upstreams, upstreamsChanged, written } = prepared
    const doors = listeners.prepare(snapshot)
    if (upstreamsChanged) pools.prepare(upstreams)
    if (this.mayListen) await listeners.open(doors)
    await identity.warm(keySetsIn(written))
    if (!isProven && frame.selfTests.length > 0) await runSelfTests({ tests: frame.selfTests, snapshot, lookAside: (look) => compiler.lookAside(prepared, look) })
    await this.useAccessLog(frame.telemetry.accessLog)
    if (upstreamsChanged) this.upstreams!.adopt(snapshot.upstreams, snapshot.upstreamSettings)
    this.snapshot = compiler.adopt(prepared)
    this.doors = doors
    telemetry.configRevision.set(revision)
    listeners.adopt(doors)
    if (upstreamsChanged) pools.keepOnly(this.upstreams!.origins(), this.upstreams!.tlsSettings())
  }

  /** Break-glass orders, beside whatever revision runs. Routes that they are about are compiled anew; the rest goes on. */
  private async obey({ orders }: OrdersMessage): Promise<void> {
    // One that has not booted yet is told again when it does.
    if (this.running === undefined) return
    const { compiler, pools } = this.running
    const sorted = sortOrders(orders.map(({ order }) => order))
    compiler.order(sorted)
    if (this.snapshot !== undefined) this.snapshot = compiler.adopt(await compiler.prepareOrders(this.snapshot))
    if (this.upstreams!.obey(sorted.upstreams)) pools.keepOnly(this.upstreams!.origins(), this.upstreams!.tlsSettings())
    this.parts.tell({ kind: 'obeyed', orders: orders.map(({ key }) => key) })
  }

  private async useAccessLog(settings: Parameters<typeof openAccessLog>[0]): Promise<void> {
    const { telemetry, settings: worker } = this.running!
    const wanted = JSON.stringify(settings ?? null)
    if (wanted === this.accessLogSettings) return
    const warn = oncePerMinute((key, times) => this.parts.logger.warn({ problem: key, times }, 'access log lines cannot be written'))
    const resolved = settings?.file === undefined ? settings : { ...settings, file: resolve(worker.baseDirectory, settings.file) }
    await telemetry.useExporter(await openAccessLog(resolved, { onError: (error) => warn(String(error)) }))
    this.accessLogSettings = wanted
  }

  /** Lame duck first, so that a load balancer notices; then no new connections; then what runs, until the deadline. */
  private async drain(lameDuckMs: number, deadlineMs: number): Promise<void> {
    if (this.draining) return
    this.draining = true
    await new Promise((resolve) => setTimeout(resolve, lameDuckMs))
    await this.running?.listeners.drain(deadlineMs)
    await this.running?.telemetry.stop()
    this.deadlines.stop()
    this.running?.overload.stop()
    this.running?.findings.stop()
    this.running?.purges.stop()
    await this.running?.cache.close()
    this.running?.pools.destroy()
    this.parts.onDrained()
  }
}

/** `SLUICE_LISTEN_HTTP` and `_HTTPS` move the addresses of an edge and nothing else: a listener that is switched off stays off. */
function listeningAt({ listenHttp, listenHttps }: WorkerSettings, frame: Frame): Frame {
  const { http, https } = frame.listeners
  const listeners = { ...frame.listeners }
  if (listenHttp !== undefined && http !== false) listeners.http = { ...http, address: listenHttp }
  if (listenHttps !== undefined && https !== undefined && https !== false) listeners.https = { ...https, address: listenHttps }
  return { ...frame, listeners }
}

function addressSettings({ listenHttp, listenHttps }: WorkerSettings) {
  return {
    http: listenHttp === undefined ? 'listeners.http.address' : 'SLUICE_LISTEN_HTTP',
    https: listenHttps === undefined ? 'listeners.https.address' : 'SLUICE_LISTEN_HTTPS',
  }
}

function refusalOf(error: unknown): Refusal {
  const pointer = error instanceof SnapshotRefused || error instanceof CertificateProblem || error instanceof UpstreamTlsProblem ? error.pointer : ''
  return { code: 'config.refused_by_edge', pointer, detail: (error as Error).message }
}

/** The key sets that policies in these resources name, so that they are here before the first token is. */
function keySetsIn(value: unknown, found: { uri: string; insecure: boolean }[] = []): { uri: string; insecure: boolean }[] {
  if (typeof value !== 'object' || value === null) return found
  const { jwksUri, insecure } = value as { jwksUri?: unknown; insecure?: unknown }
  if (typeof jwksUri === 'string') found.push({ uri: jwksUri, insecure: insecure === true })
  for (const inner of Object.values(value)) keySetsIn(inner, found)
  return found
}
