/**
 * The edge's parent process: one per machine. Owns the listening sockets' workers, the snapshot on disk, the link to
 * the other services, and the reports that receipts are made of.
 */
import { followConfig, type ConfigFeed, type ConfigRevision } from '@sluice/buses/config-feed'
import { attachRelay, ipcChannel } from '@sluice/buses/relay'
import type { Counters } from '@sluice/counters/counter'
import { codeOf } from '@sluice/errors'
import { orderKey } from '@sluice/proto/break-glass'
import { mergeMetrics, type Health, type MetricSnapshot } from '@sluice/service-kit'
import type { Worker } from 'node:cluster'
import { join } from 'node:path'
import { HostOrders } from './break-glass/host-orders.ts'
import type { Edge, EdgeParts } from './edge.ts'
import { EdgeReports } from './edge-reports.ts'
import { CurrentRevision } from './snapshot/current-revision.ts'
import { createDiscoveryFeed, type DiscoveryFeed } from './snapshot/discovery-feed.ts'
import { instanceId } from './snapshot/instance-id.ts'
import { lameDuckOf } from './snapshot/lame-duck.ts'
import { SnapshotDisk } from './snapshot/snapshot-disk.ts'
import { collectStartGarbage } from './start-garbage.ts'
import { trafficTotals } from './telemetry/traffic-totals.ts'
import { AccessLogTender } from './telemetry/access-log-tender.ts'
import { UsageSpool } from './telemetry/usage-spool.ts'
import { OpenRequests } from './quota/open-requests.ts'
import { answerTakes } from './quota/parent-counters.ts'
import type { FleetMessage, WorkerSettings } from './workers/messages.ts'
import { warnOfResets } from './workers/reused-port.ts'
import { WorkerPool } from './workers/worker-pool.ts'

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
  private lameDuckMs = 0
  private feed: ConfigFeed | undefined
  private discovery: DiscoveryFeed | undefined
  private draining = false
  private hasServed = false
  /** Every worker is gone: the goodbye may be said, and no receipt waits for this edge any more. */
  private gone = false
  /** What the disk has been given. */
  private kept: ConfigRevision | undefined
  private readonly current: CurrentRevision
  private readonly reports: EdgeReports
  private readonly servingWaiters: { resolve(addresses: readonly string[]): void; reject(error: Error): void }[] = []

  constructor(parts: EdgeParts) {
    this.parts = parts
    this.disk = new SnapshotDisk(join(parts.dataDirectory, 'snapshots'), parts.sealing, (error) => parts.logger.error({ err: error }, 'the snapshot could not be kept on disk'))
    this.pool = new WorkerPool({
      settings: this.workerSettings(),
      logger: parts.logger,
      attachBus: (worker: Worker) => attachRelay(parts.bus, ipcChannel(worker as never)),
      onChange: () => this.onPoolChange(),
      onHopeless: (problem) => this.settleWaiters(problem),
      onGone: (worker) => this.openRequests.forget(worker),
      onCrash: () => this.current.crashed(),
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
    this.current = new CurrentRevision({
      clock: parts.clock,
      logger: parts.logger,
      publish: (revision, isProven) => this.publish(revision, isProven),
      drop: (revision) => void this.disk.drop(revision),
      onRefused: () => void this.reports.report(),
    })
    this.reports = this.reportsOf(parts)
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
    this.reports.instance = await instanceId(this.parts.dataDirectory)
    await this.spool.start()
    if (this.parts.reusePort === true && this.parts.workers > 1) warnOfResets(this.parts.logger)
    this.pool.start()
    const stored = await this.disk.newest((file) => this.parts.logger.error({ file }, 'a snapshot on disk is damaged and is passed over'))
    await this.orders.start()
    if (stored !== undefined) this.current.begin(stored)
    this.discovery = await createDiscoveryFeed({
      bus: this.parts.bus,
      scope: this.parts.scope,
      directory: this.parts.dataDirectory,
      logger: this.parts.logger,
      onEndpoints: (upstream, endpoints, heldCircuit) => this.pool.handedOut.publishEndpoints({ kind: 'endpoints', upstream, endpoints, heldCircuit }),
    })
    this.feed = this.follow(stored)
    this.reports.start()
  }

  serving(): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      this.servingWaiters.push({ resolve, reject })
      this.onPoolChange()
    })
  }

  async stop({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    this.draining = true
    this.reports.quiet()
    await this.pool.stop(this.lameDuckMs, deadlineMs)
    this.gone = true
    this.feed?.stop()
    await this.discovery?.stop()
    await this.orders.stop()
    this.reports.stop()
    await this.reports.report()
    await this.disk.close()
    await this.tender.stop()
    await this.spool.stop()
  }

  health(): Health {
    const reasons: string[] = []
    if (this.draining) reasons.push('draining')
    if (this.reports.nameTaken !== undefined) reasons.push(this.reports.nameTaken)
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
      onRevision: (revision) => this.current.take(revision),
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
        this.pool.handedOut.publishOrders({ kind: 'orders', orders: inForce.map((entry) => ({ key: orderKey(entry), order: entry.order })) })
      },
    })
  }

  /** The workers first: everything else here waits for them. */
  private publish(revision: ConfigRevision, isProven: boolean): void {
    this.pool.handedOut.publishConfig(revision, isProven)
    this.tender.follow(revision.config.get('telemetry'))
    this.lameDuckMs = lameDuckOf(revision.config.get('listeners'))
  }

  private isServing(): boolean {
    const { revision, listening } = this.pool.reached()
    return revision !== undefined && listening > 0
  }

  /** Something changed in what the workers have reached: keep what proved good, and report it. */
  private onPoolChange(): void {
    const { revision, refusal } = this.pool.reached()
    if (revision !== undefined && revision !== this.kept) {
      this.kept = revision
      void this.disk.save(revision)
    }
    this.settleWaiters(refusal?.detail)
    this.reports.tellChange()
    if (this.hasServed || !this.isServing()) return
    this.hasServed = true
    collectStartGarbage()
  }

  private reportsOf({ bus, scope, name, zone, datacenter, workers, logger }: EdgeParts): EdgeReports {
    return new EdgeReports({
      bus, scope, name, zone, datacenter, workers, logger,
      now: () => ({ ...this.pool.reached(), orders: this.pool.obeyedOrders(), leaving: this.gone }),
      refusal: () => this.current.refusal,
      settled: () => this.disk.settled(),
      traffic: async () => trafficTotals(await this.metricsSnapshot()),
      onAnswer: ({ workers: counted, headRevision }, hasRefused) => {
        if (counted !== undefined) this.shareLimits({ az: counted.zone, dc: counted.datacenter, global: counted.global })
        if (headRevision > this.current.revision && !hasRefused) void this.feed?.pull()
      },
    })
  }

  private settleWaiters(problem: string | undefined): void {
    if (this.isServing()) for (const waiter of this.servingWaiters.splice(0)) waiter.resolve(this.addresses)
    else if (problem !== undefined) for (const waiter of this.servingWaiters.splice(0)) waiter.reject(new Error(problem))
  }

  private shareLimits(workers: FleetMessage['workers']): void {
    for (const [scope, count] of Object.entries(workers)) this.sharers.with(scope).set(count)
    this.pool.handedOut.publishFleet({ kind: 'fleet', workers })
  }
}
