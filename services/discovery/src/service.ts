import { randomUUID } from 'node:crypto'
import type { Bus, Subscription } from '@sluice/buses/bus'
import { followConfig, type ConfigFeed, type ConfigVerifier } from '@sluice/buses/config-feed'
import { answer, listen, type ListenOptions } from '@sluice/buses/rpc'
import {
  CircuitOrderReplySchema, CircuitOrderSchema, CircuitsReplySchema, CircuitsRequestSchema, DeregisterReplySchema, DeregisterRequestSchema, RegisterReplySchema, RegisterRequestSchema, RegistrationChangeSchema, UpstreamReportSchema, UpstreamStatesReplySchema, UpstreamStatesRequestSchema,
  type UpstreamReport,
} from '@sluice/proto/messages/discovery'
import type { SegmentedConfig, Upstream } from '@sluice/proto/config'
import { queues, subjects } from '@sluice/proto/subjects'
import { messageProblems, type Clock, type Health, type Logger, type MetricsRegistry, type Service } from '@sluice/service-kit'
import { differInUpstreams, upstreamsOf } from './endpoints/config-upstreams.ts'
import { DiskState } from './endpoints/disk-state.ts'
import { Registry } from './endpoints/registry.ts'
import { SourceReports } from './endpoints/source-reports.ts'
import { StateBroadcast } from './endpoints/state-broadcast.ts'
import { Saver } from './endpoints/state-file.ts'
import type { Observing } from './endpoints/tracked-upstream.ts'
import { UpstreamSet } from './endpoints/upstream-set.ts'
import { CircuitHandlers } from './handlers/circuits.ts'
import { RegistrationHandlers } from './handlers/registrations.ts'
import { answerUpstreamStates } from './handlers/upstream-states.ts'
import { EdgeFindings } from './health/edge-findings.ts'
import { Prober } from './health/prober.ts'
import { Members } from './members/members.ts'

export interface DiscoveryParts {
  /** Whose revisions are taken; left out, everybody's on the bus. */
  readonly verifier?: ConfigVerifier | undefined
  readonly bus: Bus
  readonly scope: string
  readonly logger: Logger
  readonly clock: Clock
  readonly metrics: MetricsRegistry
  /** Where this instance stands; of three that probe an endpoint two stand in its zone. */
  readonly zone?: string
  /** Of this service alone. */
  readonly dataDirectory: string
}

const expireEveryMs = 1000

/** Keeps the list of endpoints of every upstream and their health, and tells the edges. */
export function createDiscovery(parts: DiscoveryParts): Service {
  return new Discovery(parts)
}

class Discovery implements Service {
  readonly #parts: DiscoveryParts
  readonly #listenOptions: ListenOptions
  readonly #disk: DiskState
  readonly #prober: Prober
  readonly #registry: Registry
  readonly #upstreams: UpstreamSet
  readonly #findings: EdgeFindings
  readonly #members: Members
  #wasLeading = true
  #statesAnswer: Subscription | undefined
  readonly #saveUpstreams: Saver
  readonly #saveRegistrations: Saver
  #applied: Readonly<Record<string, Upstream>> = {}
  #broadcast: StateBroadcast | undefined
  #feed: ConfigFeed | undefined
  /** What was read last. */
  #config: SegmentedConfig | undefined
  #subscriptions: Subscription[] = []
  #expiry: NodeJS.Timeout | undefined

  constructor(parts: DiscoveryParts) {
    const { scope, logger, clock, metrics, dataDirectory } = parts
    this.#parts = parts
    this.#listenOptions = messageProblems(parts)
    this.#disk = new DiskState(dataDirectory, logger)
    this.#prober = new Prober(metrics)
    this.#findings = new EdgeFindings(() => clock.monotonic())
    this.#registry = new Registry(clock, () => this.#saveRegistrations.mark())
    this.#upstreams = new UpstreamSet({ scope, prober: this.#prober, observing: this.#observing(), instances: this.#registry, reports: new SourceReports(metrics, logger), logger, now: () => clock.now(), onChange: (name) => this.#noteChange(name) })
    const onError = (error: unknown) => logger.error({ err: error }, 'the state of discovery could not be kept on disk')
    this.#saveUpstreams = new Saver(() => this.#disk.writeUpstreams({ epochMs: this.#upstreams.epochMs, upstreams: { ...this.#applied }, unhealthy: this.#upstreams.unhealthy(), found: this.#upstreams.found(), held: this.#upstreams.held() }), onError)
    this.#saveRegistrations = new Saver(() => this.#disk.writeRegistrations(this.#registry.save()), onError)
    this.#members = this.#createMembers()
    this.#showNumbers(metrics)
  }

  async start(): Promise<void> {
    const { bus, scope, logger, verifier } = this.#parts
    await this.#restore()
    this.#broadcast = new StateBroadcast(bus, scope, this.#upstreams, logger)
    this.#subscribe()
    this.#members.start()
    this.#expiry = setInterval(() => {
      if (bus.status === 'connected') this.#registry.expire()
    }, expireEveryMs).unref()
    this.#feed = followConfig(bus, {
      scope,
      verifier,
      onRevision: ({ revision, config }) => this.#applyRevision(revision, config),
      onError: (error) => logger.error({ err: error }, 'a revision cannot be followed'),
    })
  }

  async stop(): Promise<void> {
    clearInterval(this.#expiry)
    this.#feed?.stop()
    for (const subscription of this.#subscriptions) subscription.unsubscribe()
    this.#statesAnswer?.unsubscribe()
    this.#broadcast?.stop()
    this.#members.stop()
    await Promise.all([this.#saveUpstreams.flush(), this.#saveRegistrations.flush()])
    this.#prober.stop()
    this.#upstreams.stop()
  }

  health(): Health {
    const reasons: string[] = []
    if (this.#feed === undefined) reasons.push('it has not started')
    if (this.#parts.bus.status !== 'connected') reasons.push('the bus cannot be reached')
    return { ready: reasons.length === 0, reasons }
  }

  async #restore(): Promise<void> {
    const saved = await this.#disk.readUpstreams()
    this.#upstreams.epochMs = Math.max(this.#parts.clock.now(), saved.epochMs + 1)
    for (const instance of await this.#disk.readRegistrations()) this.#registry.register(instance)
    this.#applied = saved.upstreams
    const remembered = Object.keys(saved.upstreams).map((name) => [name, { unhealthy: saved.unhealthy[name] ?? {}, endpoints: saved.found[name], held: saved.held[name] }] as const)
    await this.#upstreams.apply(saved.upstreams, Object.fromEntries(remembered))
    // The new epoch is kept before it is used: a clock that was set back must not repeat it.
    this.#saveUpstreams.mark()
    await this.#saveUpstreams.flush()
  }

  async #applyRevision(revision: number, config: SegmentedConfig): Promise<void> {
    const before = this.#config
    this.#config = config
    if (before !== undefined && !differInUpstreams(before, config)) return
    let upstreams: Record<string, Upstream>
    try {
      upstreams = upstreamsOf(config)
    } catch (error) {
      this.#parts.logger.error({ err: error, revision }, 'the upstreams of a revision cannot be read; those of the one before stay')
      return
    }
    this.#applied = upstreams
    await this.#upstreams.apply(upstreams)
    this.#saveUpstreams.mark()
  }

  #noteChange(upstream: string): void {
    if (this.#wasLeading) this.#broadcast?.mark(upstream)
    this.#saveUpstreams.mark()
  }

  #subscribe(): void {
    const { bus, scope } = this.#parts
    const handlers = new RegistrationHandlers(bus, scope, this.#registry)
    const options = this.#listenOptions
    const queued = { ...options, queue: queues.discovery }
    const circuits = new CircuitHandlers({ bus, scope, upstreams: this.#upstreams, findings: this.#findings })
    this.#answerStates()
    this.#subscriptions = [
      answer(bus, subjects.register(scope), { request: RegisterRequestSchema, reply: RegisterReplySchema }, (request) => handlers.register(request), queued),
      answer(bus, subjects.deregister(scope), { request: DeregisterRequestSchema, reply: DeregisterReplySchema }, (request) => handlers.deregister(request), queued),
      listen(bus, subjects.registrationChanged(scope), RegistrationChangeSchema, (change) => handlers.hear(change), options),
      answer(bus, subjects.circuits(scope), { request: CircuitsRequestSchema, reply: CircuitsReplySchema }, () => circuits.list(), queued),
      answer(bus, subjects.circuitOrder(scope), { request: CircuitOrderSchema, reply: CircuitOrderReplySchema }, (order) => circuits.hold(order), queued),
      listen(bus, subjects.circuitHeld(scope), CircuitOrderSchema, (order) => circuits.hear(order), options),
      listen(bus, subjects.upstreamReport(scope), UpstreamReportSchema, (report) => this.#takeFindings(report), options),
      bus.onStatus((status) => {
        if (status === 'connected') this.#registry.suspendJudgement()
      }),
    ]
  }

  /** Edges are told by one instance alone, the one that leads; the others know the same, and wait. */
  #answerStates(): void {
    const { bus, scope } = this.#parts
    const types = { request: UpstreamStatesRequestSchema, reply: UpstreamStatesReplySchema }
    this.#statesAnswer ??= answer(bus, subjects.upstreamStates(scope), types, (request) => answerUpstreamStates(this.#upstreams, scope, request), { ...this.#listenOptions, queue: queues.discovery })
  }

  #takeFindings(report: UpstreamReport): void {
    this.#findings.take(report)
    for (const { upstream, leftOut } of report.findings) for (const id of leftOut) this.#upstreams.doubt(upstream, id)
  }

  #observing(): Observing {
    return {
      isObserver: (key, zone) => this.#members.isObserver(key, zone),
      judge: (key, zone, own) => this.#members.judge(key, zone, own),
      noteOwnVotes: () => this.#members.noteOwnVotes(),
    }
  }

  #createMembers(): Members {
    const { bus, scope, clock, zone = '' } = this.#parts
    return new Members({
      ...{ bus, scope, zone, instance: randomUUID(), startedAtMs: clock.now(), listenOptions: this.#listenOptions },
      now: () => clock.monotonic(),
      epochMs: () => this.#upstreams.epochMs,
      ownVotes: () => this.#upstreams.ownVotes(),
      onChange: () => this.#followMembers(),
      onVotes: (keys) => this.#upstreams.reconsider(keys),
      onLaterEpoch: () => this.#lead(),
    })
  }

  #followMembers(): void {
    this.#upstreams.reobserve()
    const isLeading = this.#members.isLeading
    if (isLeading === this.#wasLeading) return
    this.#wasLeading = isLeading
    this.#parts.logger.info({ isLeading, members: this.#members.size }, isLeading ? 'this instance tells the edges from now on' : 'an older instance tells the edges')
    if (isLeading) return this.#lead()
    this.#statesAnswer?.unsubscribe()
    this.#statesAnswer = undefined
  }

  /** In an epoch later than every other's, so that the edges believe this instance. */
  #lead(): void {
    this.#upstreams.epochMs = Math.max(this.#upstreams.epochMs, this.#members.latestEpochMs) + 1
    this.#saveUpstreams.mark()
    this.#answerStates()
    this.#broadcast?.markAll()
  }

  #showNumbers(metrics: MetricsRegistry): void {
    this.#upstreams.showHealth(metrics)
    const registrations = metrics.gauge('sluice_registrations', 'Instances that have registered themselves.').with()
    const frozen = metrics.gauge('sluice_registrations_frozen_zones', 'Zones where nobody is taken out for being silent, since too many are.').with()
    const members = metrics.gauge('sluice_discovery_members', 'Instances of discovery that share the probing, this one included.').with()
    const leading = metrics.gauge('sluice_discovery_leading', '1 at the instance of discovery that tells the edges.').with()
    metrics.onCollect(() => {
      registrations.set(this.#registry.size)
      frozen.set(this.#registry.frozenZones.size)
      members.set(this.#members.size)
      leading.set(this.#wasLeading ? 1 : 0)
    })
  }
}
