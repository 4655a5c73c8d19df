/**
 * The edge's parent process: one per machine. Owns the listening sockets' workers, the snapshot on disk, the link to
 * the other services, and the reports that receipts are made of.
 */
import type { Bus } from '@sluice/buses/bus'
import { followConfig, type ConfigFeed, type ConfigRevision, type ConfigTransport, type ConfigVerifier } from '@sluice/buses/config-feed'
import { attachRelay, ipcChannel } from '@sluice/buses/relay'
import { announce, call, listen } from '@sluice/buses/rpc'
import type { Counters } from '@sluice/counters/counter'
import { codeOf } from '@sluice/errors'
import { EdgeReportReplySchema, EdgeReportSchema, RollCallSchema } from '@sluice/proto/messages/control'
import { orderKey } from '@sluice/proto/break-glass'
import { subjects } from '@sluice/proto/subjects'
import { mergeMetrics, version, type Clock, type Health, type Logger, type MetricSnapshot, type MetricsRegistry, type Sealing, type Service } from '@sluice/service-kit'
import type { Worker } from 'node:cluster'
import { join } from 'node:path'
import { HostOrders } from './break-glass/host-orders.ts'
import { createDiscoveryFeed, type DiscoveryFeed } from './snapshot/discovery-feed.ts'
import { CrashGuard } from './snapshot/crash-guard.ts'
import { type RevisionRefusal, shrinkRefusal } from './snapshot/shrink-guard.ts'
import { SnapshotDisk } from './snapshot/snapshot-disk.ts'
import { instanceId } from './snapshot/instance-id.ts'
import { trafficTotals } from './telemetry/traffic-totals.ts'
import { AccessLogTender } from './telemetry/access-log-tender.ts'
import { UsageSpool } from './telemetry/usage-spool.ts'
import { OpenRequests } from './quota/open-requests.ts'
import { answerTakes } from './quota/parent-counters.ts'
import type { FleetMessage, WorkerSettings } from './workers/messages.ts'
import { warnOfResets } from './workers/reused-port.ts'
import { WorkerPool } from './workers/worker-pool.ts'

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

const reportEveryMs = 10_000
const defaultCacheBytes = 64 * 1024 * 1024

/** The edge. Nothing runs before `start`. */
export function createEdge(parts: EdgeParts): Edge {
  return new HostAgent(parts)
}

class HostAgent implements Edge {
  private readonly parts: EdgeParts
  private readonly disk: SnapshotDisk
  private readonly pool: WorkerPool
  private readonly openRequests = new OpenRequests()
  private readonly spool: UsageSpool
  private readonly tender: AccessLogTender
  private readonly orders: HostOrders
  private readonly refused
  private readonly sharers
  private instance = ''
  private lameDuckMs = 0
  private feed: ConfigFeed | undefined
  private discovery: DiscoveryFeed | undefined
  private reportTimer: NodeJS.Timeout | undefined
  /** How soon control wants to hear of the traffic again; 0: not at all. */
  private trafficEveryMs = 0
  private unsubscribe: (() => void)[] = []
  private nameTaken: string | undefined
  private draining = false
  /** Every worker is gone: the goodbye may be said, and no receipt waits for this edge any more. */
  private gone = false
  private reportedState = ''
  /** What the workers are to run. */
  private current: ConfigRevision | undefined
  /** What the disk has been given. */
  private kept: ConfigRevision | undefined
  /** Control has taken a report of this edge since the bus was there: changes need no answer. */
  private isKnown = false
  /** Why a newer revision than that was not taken, or was given up. */
  private refusal: RevisionRefusal | undefined
  private readonly crashes
  private readonly servingWaiters: { resolve(addresses: readonly string[]): void; reject(error: Error): void }[] = []

  constructor(parts: EdgeParts) {
    this.parts = parts
    this.crashes = new CrashGuard(parts.clock)
    this.disk = new SnapshotDisk(join(parts.dataDirectory, 'snapshots'), parts.sealing, (error) => parts.logger.error({ err: error }, 'the snapshot could not be kept on disk'))
    this.pool = new WorkerPool({
      settings: this.workerSettings(),
      logger: parts.logger,
      attachBus: (worker: Worker) => attachRelay(parts.bus, ipcChannel(worker as never)),
      onChange: () => this.onPoolChange(),
      onHopeless: (problem) => this.settleWaiters(problem),
      onGone: (worker) => this.openRequests.forget(worker),
      onCrash: () => this.onCrash(),
      onMessage: (message, reply, worker) => {
        if (message.kind === 'usage') this.spool.add(message.part)
        else if (message.kind === 'open-requests') reply({ kind: 'entered', replies: this.openRequests.apply(worker, message.changes) })
        else void answerTakes(this.counters, message.takes).then((replies) => reply({ kind: 'taken', replies }))
      },
    })
    this.spool = new UsageSpool({ bus: parts.bus, scope: parts.scope, edge: parts.name, directory: join(parts.dataDirectory, 'usage'), clock: parts.clock, logger: parts.logger, metrics: parts.metrics })
    this.tender = new AccessLogTender(parts.baseDirectory, parts.logger)
    this.sharers = parts.metrics.gauge('sluice_limit_sharers', 'Workers that share a limit out among themselves while its counters are away, by its scope; as control told last.', ['scope'])
    this.refused = parts.metrics.counter('sluice_config_refused_total', 'Announcements and parts of revisions that were not what they claimed to be, by what was wrong.', ['reason'])
    this.orders = this.followOrders()
  }

  get addresses(): readonly string[] {
    return this.pool.addresses
  }

  get workerPids(): readonly number[] {
    return this.pool.pids
  }

  warm(): void {
    this.pool.warm()
  }

  abandon(): void {
    this.pool.killAll()
  }

  async start(): Promise<void> {
    this.instance = await instanceId(this.parts.dataDirectory)
    await this.spool.start()
    if (this.parts.reusePort === true && this.parts.workers > 1) warnOfResets(this.parts.logger)
    this.pool.start()
    const stored = await this.disk.newest((file) => this.parts.logger.error({ file }, 'a snapshot on disk is damaged and is passed over'))
    await this.orders.start()
    if (stored !== undefined) this.publish(stored, true)
    this.discovery = await createDiscoveryFeed({
      bus: this.parts.bus,
      scope: this.parts.scope,
      directory: this.parts.dataDirectory,
      logger: this.parts.logger,
      onEndpoints: (upstream, endpoints, heldCircuit) => this.pool.publishEndpoints({ kind: 'endpoints', upstream, endpoints, heldCircuit }),
    })
    this.feed = this.follow(stored)
    const calls = listen(this.parts.bus, subjects.rollCall(this.parts.scope), RollCallSchema, () => this.report())
    const reconnects = this.parts.bus.onStatus((status) => {
      this.isKnown = false
      if (status === 'connected') void this.report()
    })
    this.unsubscribe.push(() => calls.unsubscribe(), () => reconnects.unsubscribe())
    this.scheduleReport()
  }

  serving(): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      this.servingWaiters.push({ resolve, reject })
      this.onPoolChange()
    })
  }

  async stop({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    this.draining = true
    clearTimeout(this.reportTimer)
    await this.pool.stop(this.lameDuckMs, deadlineMs)
    this.gone = true
    this.feed?.stop()
    await this.discovery?.stop()
    await this.orders.stop()
    for (const unsubscribe of this.unsubscribe) unsubscribe()
    await this.report()
    await this.disk.close()
    await this.tender.stop()
    await this.spool.stop()
  }

  health(): Health {
    const reasons: string[] = []
    if (this.draining) reasons.push('draining')
    if (this.nameTaken !== undefined) reasons.push(this.nameTaken)
    if (!this.isServing()) reasons.push('no configuration is served yet')
    return { ready: reasons.length === 0, reasons }
  }

  async metricsSnapshot(): Promise<readonly MetricSnapshot[]> {
    return mergeMetrics([this.parts.metrics.snapshot(), ...(await this.pool.metrics())])
  }

  restartWorkers(): Promise<void> {
    return this.pool.restartAll()
  }

  private get counters(): Counters {
    if ('counters' in this.parts.counting) return this.parts.counting.counters
    throw new Error('workers count in Redis; none asks here')
  }

  private workerSettings(): WorkerSettings {
    const { scope, name, zone, datacenter, workers, dataDirectory, baseDirectory, logger, counting, engine = 'own', shedLagMs = 500, reusePort = false, dnsServers = [], cacheBytes = defaultCacheBytes, listenHttp, listenHttps } = this.parts
    return { engine, scope, name, zone, datacenter, workers, shedLagMs, reusePort: reusePort && workers > 1, dnsServers, cacheBytes: Math.floor(cacheBytes / workers), dataDirectory, baseDirectory, listenHttp, listenHttps, logLevel: logger.level, redis: 'redis' in counting ? counting.redis : undefined, globalRedis: 'redis' in counting ? counting.globalRedis : undefined }
  }

  private follow(stored: ConfigRevision | undefined): ConfigFeed {
    const { bus, scope, name, logger, fallback, verifier } = this.parts
    return followConfig(bus, {
      scope,
      edge: name,
      have: stored,
      verifier,
      fallback,
      onRevision: (revision) => this.take(revision),
      onRefused: (reason) => this.refused.with(reason).add(1),
      onError: (error) => {
        // The other way to control, over HTTP, is away as well: told like the first.
        if (codeOf(error).startsWith('dependency.')) logger.warn({ code: codeOf(error) }, (error as Error).message)
        else logger.error({ err: error }, 'a revision could not be taken')
      },
      onUnreachable: (error) => logger.warn({ code: error.code }, 'control cannot be asked for the configuration'),
    })
  }

  private followOrders(): HostOrders {
    const { bus, scope, datacenter, dataDirectory: directory, clock, logger, verifier, metrics } = this.parts
    const standing = metrics.gauge('sluice_break_glass_orders', 'Break-glass orders in force on this edge.').with()
    const refused = metrics.counter('sluice_break_glass_refused_total', 'Notices of break-glass orders that were not taken, by why.', ['reason'])
    return new HostOrders({
      bus, scope, datacenter, directory, clock, logger, verifier,
      onRefused: (reason) => refused.with(reason).add(1),
      onOrders: (inForce) => {
        standing.set(inForce.length)
        logger.warn({ orders: inForce.map(({ id, order }) => ({ id, ...order })) }, `break-glass orders in force: ${inForce.length}`)
        this.pool.publishOrders({ kind: 'orders', orders: inForce.map((entry) => ({ key: orderKey(entry), order: entry.order })) })
      },
    })
  }

  /** A revision from control: taken, or refused for what can be seen from here. */
  private take(revision: ConfigRevision): void {
    const { current } = this
    this.refusal = current === undefined ? undefined : shrinkRefusal(current, revision)
    if (this.refusal !== undefined) {
      this.parts.logger.error({ revision: revision.revision }, this.refusal.detail)
      return void this.report()
    }
    if (current !== undefined) this.crashes.replaced(current)
    this.publish(revision)
  }

  /** `isProven`: workers of this edge have run it. */
  private publish(revision: ConfigRevision, isProven = false): void {
    this.current = revision
    this.crashes.published()
    this.pool.publishConfig(revision, isProven)
    this.tender.follow(revision.config.get('telemetry'))
    this.lameDuckMs = lameDuckOf(revision.config.get('listeners'))
  }

  /** Workers that end again and again soon after a revision: it goes, and the one before it comes back. */
  private onCrash(): void {
    const previous = this.crashes.crashed()
    const { current } = this
    if (previous === undefined || current === undefined) return
    const detail = `Workers ended twice within a minute of revision ${current.revision}; revision ${previous.revision} serves again`
    this.refusal = { revision: current.revision, digest: current.config.digest, code: 'config.refused_by_edge', pointer: '', detail }
    this.parts.logger.error({ revision: current.revision, previous: previous.revision }, detail)
    void this.disk.drop(current)
    this.publish(previous, true)
    void this.report()
  }

  private isServing(): boolean {
    const { revision, listening } = this.pool.reached()
    return revision !== undefined && listening > 0
  }

  /** Something changed in what the workers have reached: keep what proved good, and report it. */
  private onPoolChange(): void {
    const { revision, credentialVersion, refusal } = this.pool.reached()
    if (revision !== undefined && revision !== this.kept) {
      this.kept = revision
      void this.disk.save(revision)
    }
    this.settleWaiters(refusal?.detail)
    const state = `${revision?.revision} ${revision?.config.digest} ${credentialVersion} ${refusal?.digest} ${this.pool.obeyedOrders().join()}`
    if (state === this.reportedState) return
    this.reportedState = state
    const isPlain = this.isKnown && refusal === undefined && this.refusal === undefined && this.trafficEveryMs === 0
    void (isPlain ? this.acknowledge() : this.report())
  }

  private settleWaiters(problem: string | undefined): void {
    if (this.isServing()) for (const waiter of this.servingWaiters.splice(0)) waiter.resolve(this.addresses)
    else if (problem !== undefined) for (const waiter of this.servingWaiters.splice(0)) waiter.reject(new Error(problem))
  }

  private shareLimits(workers: FleetMessage['workers']): void {
    for (const [scope, count] of Object.entries(workers)) this.sharers.with(scope).set(count)
    this.pool.publishFleet({ kind: 'fleet', workers })
  }

  private scheduleReport(): void {
    this.reportTimer = setTimeout(() => {
      void this.report()
      this.scheduleReport()
    }, (this.trafficEveryMs || reportEveryMs) * (0.9 + 0.2 * Math.random())).unref()
  }

  /** While control tries a revision on some edges it compares them with the others. */
  private tellTraffic(everyMs: number): void {
    const isNews = everyMs !== this.trafficEveryMs
    this.trafficEveryMs = everyMs
    if (!isNews || this.draining) return
    clearTimeout(this.reportTimer)
    this.scheduleReport()
  }

  private async traffic() {
    return this.trafficEveryMs === 0 ? {} : { traffic: trafficTotals(await this.metricsSnapshot()) }
  }

  /** Tells what the workers have reached without waiting for an answer: one that is lost comes with the next report. */
  private async acknowledge(): Promise<void> {
    await this.disk.settled()
    announce(this.parts.bus, this.reportSubject, EdgeReportSchema, this.reportNow())
  }

  private async report(): Promise<void> {
    const { bus, name, logger } = this.parts
    if (this.instance === '' || bus.status !== 'connected') return
    await this.disk.settled()
    const message = { ...this.reportNow(), ...(await this.traffic()) }
    const types = { request: EdgeReportSchema, reply: EdgeReportReplySchema }
    try {
      const reply = await call(bus, this.reportSubject, types, message, { timeoutMs: 2000 })
      if (!reply.accepted && this.nameTaken === undefined) logger.error({ edge: name, reason: reply.reason }, 'control refuses this edge')
      this.nameTaken = reply.accepted ? undefined : reply.reason
      this.isKnown = reply.accepted
      this.tellTraffic(reply.trafficEveryMs)
      if (reply.workers !== undefined) this.shareLimits({ az: reply.workers.zone, dc: reply.workers.datacenter, global: reply.workers.global })
      if (reply.headRevision > (this.current?.revision ?? 0) && message.refusal === undefined) void this.feed?.pull()
    } catch {
      // Control is away: traffic does not need it, and the next report comes in ten seconds.
    }
  }

  private get reportSubject(): string {
    return subjects.edgeReport(this.parts.scope, this.parts.name)
  }

  /** What has been acknowledged is served after a restart too, and nothing older: only to be asked once the disk is settled. */
  private reportNow() {
    const { scope, name, zone, datacenter, workers } = this.parts
    const { revision, credentialVersion, refusal = this.refusal } = this.pool.reached()
    const reached = { revision: revision?.revision ?? 0, digest: revision?.config.digest ?? '', credentialVersion }
    return { scope, edge: name, instance: this.instance, zone, datacenter, version, workers, ...reached, orders: this.pool.obeyedOrders(), leaving: this.gone, ...(refusal === undefined ? {} : { refusal }) }
  }
}

/** How long a load balancer in front is given to notice, when there is a health path to notice it by. */
const defaultLameDuckSeconds = 5

/** The longest wait that any listener asks for before a drain. */
function lameDuckOf(listeners: unknown): number {
  const seconds = Object.values((listeners ?? {}) as Record<string, { healthPath?: unknown; delaySeconds?: unknown } | false>).map((listener) => {
    if (listener === false) return 0
    return typeof listener.delaySeconds === 'number' ? listener.delaySeconds : listener.healthPath === undefined ? 0 : defaultLameDuckSeconds
  })
  return Math.max(0, ...seconds) * 1000
}
