import { join } from 'node:path'
import { openAnalyticsStore } from '@sluice/analytics-stores'
import { createAnalytics } from '@sluice/analytics'
import { createAuth } from '@sluice/auth'
import { busNamed } from '@sluice/buses'
import type { Bus } from '@sluice/buses/bus'
import { createConfigKeys, createConfigSigner, createConfigVerifier } from '@sluice/buses/config-feed'
import { openConfigStore } from '@sluice/config-stores'
import { createControl, loadConfigFile } from '@sluice/control'
import { countersNamed } from '@sluice/counters'
import type { Counters } from '@sluice/counters/counter'
import { openCredentialStore } from '@sluice/credential-stores'
import { createDiscovery } from '@sluice/discovery'
import { createEdge, type Edge } from '@sluice/edge'
import { defaultScope } from '@sluice/proto/subjects'
import { createRatelimit } from '@sluice/ratelimit'
import { mergeMetrics, MetricsRegistry, oncePerMinute, parseAddress, readSettings, sealingFrom, sealingIn, startHealthServer, systemClock, urlOf, type Health, type Logger, type MetricSnapshot, type Sealing, type Service } from '@sluice/service-kit'
import { chooseAddresses, type NamedAddress } from './addresses.ts'
import { baseDirectoryFor } from './data-directory.ts'
import { lockDataDirectory } from './data-lock.ts'
import { allInOneSettings, type AllInOneSettings } from './settings.ts'
import { Teardown } from './teardown.ts'

const mebibyte = 1024 * 1024

export interface AllInOneParts {
  /** A file, or a folder of them. Undefined: what the store holds, else an empty configuration. */
  readonly configFile: string | undefined
  readonly workers: number
  readonly dataDirectory: string
  /** Running exchanges may take this long after `stop`. */
  readonly drainSeconds: number
  readonly environment: Readonly<NodeJS.ProcessEnv>
  /** The logger of a service, or of the whole under the name `sluice`. */
  readonly loggerOf: (service: string) => Logger
}

export interface ServedAddresses {
  /** Where clients connect, one URL for each listener. */
  readonly traffic: readonly string[]
  readonly admin: string
  readonly metrics: string
}

export interface AllInOne {
  /**
   * Resolves once traffic is served. Rejects, with nothing left running, with an `Error` whose lines say what is wrong:
   * every problem of the config file, an address in use with its setting, a data directory that another process has.
   */
  start(): Promise<ServedAddresses | undefined>
  /** Drains the edge, then ends the others. A `start` that is still under way is broken off and resolves with undefined. */
  stop(): Promise<void>
  health(): Health
}

/** What is left of the deadline for each part that ends after the traffic. */
const leastCloseMs = 1000

/** The embedded mode. Nothing runs before `start`. */
export function createAllInOne(parts: AllInOneParts): AllInOne {
  return new Gateway(parts)
}

class Gateway implements AllInOne {
  private readonly parts: AllInOneParts
  private readonly teardown = new Teardown()
  private readonly services = new Map<string, Service>()
  private readonly registries = new Map<string, MetricsRegistry>()
  private readonly stopRequest = Promise.withResolvers<undefined>()
  private starting: Promise<ServedAddresses | undefined> | undefined
  private isStopping = false
  /** For this life alone: what is on disk was checked when it came. */
  private readonly keys = createConfigKeys()
  private readonly verifier = createConfigVerifier(this.keys.publicKey)
  private readonly logger: Logger

  constructor(parts: AllInOneParts) {
    this.parts = parts
    this.logger = parts.loggerOf('sluice')
  }

  async start(): Promise<ServedAddresses | undefined> {
    this.starting = this.open()
    try {
      return await this.starting
    } catch (error) {
      await this.teardown.run(0, leastCloseMs, this.logger)
      throw error
    }
  }

  async stop(): Promise<void> {
    this.isStopping = true
    this.stopRequest.resolve(undefined)
    await this.starting?.catch(() => undefined)
    await this.teardown.run(this.parts.drainSeconds * 1000, leastCloseMs, this.logger)
  }

  health(): Health {
    const reasons = [...this.services].flatMap(([name, service]) => service.health().reasons.map((reason) => `${name}: ${reason}`))
    if (this.isStopping) reasons.unshift('draining')
    return { ready: reasons.length === 0, reasons }
  }

  /** The order matters: each finds those it asks already there, and nothing listens before control has accepted the file. */
  private async open(): Promise<ServedAddresses | undefined> {
    const settings = readSettings(allInOneSettings, this.parts.environment)
    const addresses = await this.addresses(settings)
    const bus = await this.openBus()
    const edge = await this.openServices(bus, addresses, settings)
    if (edge === undefined) return undefined
    const traffic = await Promise.race([edge.serving(), this.stopRequest.promise])
    return traffic && { traffic, admin: urlOf(parseAddress(addresses.admin.address)), metrics: urlOf(parseAddress(addresses.metrics.address)) }
  }

  private async addresses(settings: AllInOneSettings): Promise<{ admin: NamedAddress; metrics: NamedAddress }> {
    const { configFile, dataDirectory, environment } = this.parts
    const read = configFile === undefined ? { input: undefined, baseDirectory: dataDirectory } : await loadConfigFile(configFile)
    const addresses = chooseAddresses({ input: read.input, baseDirectory: read.baseDirectory, environment }, settings)
    const lock = lockDataDirectory(dataDirectory)
    this.teardown.add('data directory', () => lock.release())
    return addresses
  }

  private async openBus(): Promise<Bus> {
    const { createLocalBus } = await busNamed('local').load()
    const bus = createLocalBus({}, { onHandlerError: (subject, error) => this.logger.error({ err: error, subject }, 'a handler of the bus failed') })
    this.teardown.add('bus', (remainingMs) => bus.drain(remainingMs))
    return bus
  }

  private async openServices(bus: Bus, addresses: { admin: NamedAddress; metrics: NamedAddress }, settings: AllInOneSettings): Promise<Edge | undefined> {
    const counters = await this.openCounters()
    const edge = this.createEdge(bus, counters, settings)
    this.teardown.add('edge workers', () => edge.abandon())
    edge.warm()
    await this.openAuth(bus)
    await this.run('ratelimit', createRatelimit({ ...this.common('ratelimit', bus), counters }))
    await this.run('discovery', createDiscovery({ ...this.common('discovery', bus), verifier: this.verifier, dataDirectory: join(this.parts.dataDirectory, 'discovery') }))
    await this.openAnalytics(bus)
    await this.openControl(bus, addresses.admin, settings)
    if (this.isStopping) return undefined
    await this.openMetrics(addresses.metrics, edge)
    await this.run('edge', edge)
    return edge
  }

  /** What every service is given. Metrics are its own: two services may count under one name. */
  private common(name: string, bus: Bus) {
    const metrics = new MetricsRegistry()
    this.registries.set(name, metrics)
    return { bus, scope: defaultScope, logger: this.parts.loggerOf(name), clock: systemClock, metrics }
  }

  private async run(name: string, service: Service): Promise<void> {
    this.services.set(name, service)
    this.teardown.add(name, (remainingMs) => service.stop({ deadlineMs: remainingMs }))
    await service.start()
  }

  private async openAuth(bus: Bus): Promise<void> {
    const store = await openCredentialStore('embedded', { directory: this.parts.dataDirectory }, this.storeParts())
    this.teardown.add('credential store', () => store.close())
    await this.run('auth', createAuth({ ...this.common('auth', bus), store }))
  }

  private async openAnalytics(bus: Bus): Promise<void> {
    const store = await openAnalyticsStore('duckdb', { file: join(this.parts.dataDirectory, 'analytics.duckdb') }, this.storeParts())
    this.teardown.add('analytics store', () => store.close())
    await this.run('analytics', createAnalytics({ ...this.common('analytics', bus), store }))
  }

  /** The counters are this process's: the edge's workers count on them through their parent. Quotas survive a restart. */
  private async openCounters(): Promise<Counters> {
    const { createMemoryCounters } = await countersNamed('memory').load()
    const warn = oncePerMinute((problem, times) => this.logger.error({ problem, times }, 'the file of the quotas is damaged or cannot be written'))
    const counters = createMemoryCounters({ file: join(this.parts.dataDirectory, 'quotas.sqlite') }, { onError: (error) => warn((error as Error).message) })
    this.teardown.add('counters', () => counters.close())
    return counters
  }

  private async openControl(bus: Bus, admin: NamedAddress, settings: AllInOneSettings): Promise<void> {
    const { configFile, dataDirectory, environment } = this.parts
    const store = await openConfigStore('embedded', { directory: dataDirectory }, this.storeParts())
    this.teardown.add('config store', () => store.close())
    const control = createControl({
      ...this.common('control', bus),
      store,
      admin,
      dataDirectory,
      environment,
      signer: createConfigSigner(this.keys.privateKey),
      sealing: this.sealing(settings),
      isOnly: true,
      adminTokensFile: settings.adminTokens,
      secretRefreshMs: settings.secretRefreshSeconds * 1000,
      ...(settings.adminToken !== undefined && { adminToken: settings.adminToken }),
      ...(configFile !== undefined && { configFile }),
    })
    await this.run('control', control)
  }

  private createEdge(bus: Bus, counters: Counters, settings: AllInOneSettings): Edge {
    const { workers, dataDirectory, configFile } = this.parts
    return createEdge({
      ...this.common('edge', bus),
      name: settings.edgeName,
      zone: settings.zone,
      datacenter: settings.datacenter,
      workers,
      shedLagMs: settings.shedLagMs,
      cacheBytes: settings.cacheMb * mebibyte,
      reusePort: settings.reusePort,
      dnsServers: settings.dnsServers,
      dataDirectory: join(dataDirectory, 'edge'),
      baseDirectory: configFile === undefined ? dataDirectory : baseDirectoryFor(configFile),
      counting: { counters },
      verifier: this.verifier,
      sealing: this.sealing(settings),
    })
  }

  private sealing({ sealingKey }: AllInOneSettings): Sealing {
    return sealingKey === undefined ? sealingIn(this.parts.dataDirectory) : sealingFrom(sealingKey, 'SLUICE_SEALING_KEY')
  }

  private async openMetrics(address: NamedAddress, edge: Edge): Promise<void> {
    const server = await startHealthServer({ ...address, health: () => this.health(), metrics: () => this.metrics(edge) })
    this.teardown.add('metrics', () => server.stop())
  }

  /** All of this process tree; the edge adds its workers to its own registry. */
  private async metrics(edge: Edge): Promise<readonly MetricSnapshot[]> {
    const others = [...this.registries].filter(([name]) => name !== 'edge')
    return mergeMetrics([...others.map(([, registry]) => registry.snapshot()), await edge.metricsSnapshot()])
  }

  private storeParts() {
    return { clock: systemClock, onWarning: (message: string) => this.logger.warn(message) }
  }
}
