import { isDeepStrictEqual } from 'node:util'
import type { DiscoverySource, Following, SourceEndpoint } from '@sluice/discovery-sources/discovery-source'
import type { ActiveHealth, Upstream } from '@sluice/proto/config'
import { EndpointHealth, type Endpoint } from '@sluice/proto/messages/discovery'
import type { Prober, ProbedEndpoint } from '../health/prober.ts'
import { Verdict } from '../health/verdict.ts'

/** For an instance that names a health URL while its upstream has no `health.active`. */
const defaultActive: ActiveHealth = { path: '/health', intervalSeconds: 10, timeoutMs: 2000, unhealthyAfter: 3, healthyAfter: 2 }

/** An unhealthy endpoint as it outlasts a restart: its reason, by id. */
export type RememberedHealth = Readonly<Record<string, string>>

/** How an upstream's circuit is held by hand; '' when the edges decide. */
export type HeldCircuit = '' | 'open' | 'closed'

/** What is known of an upstream from before a restart. */
export interface RememberedUpstream {
  readonly unhealthy: RememberedHealth
  /** What its source told last, when that has to be asked over a network. */
  readonly endpoints?: readonly SourceEndpoint[] | undefined
  readonly held?: HeldCircuit | undefined
}

export interface UpstreamParts {
  readonly prober: Prober
  readonly now: () => number
  /** Something that an edge should know has changed. */
  readonly onChange: () => void
}

interface Tracked {
  facts: SourceEndpoint
  verdict: Verdict
  changedAtMs: number
  probed: Omit<ProbedEndpoint, 'verdict' | 'onVerdict'> | undefined
  stopProbing: () => void
}

/** One upstream's endpoints, from its source, with what probes say about them. */
export class TrackedUpstream {
  readonly name: string
  readonly #parts: UpstreamParts
  readonly #endpoints = new Map<string, Tracked>()
  #settings: Upstream
  #remembered: RememberedHealth
  #following: Following | undefined
  #list: readonly SourceEndpoint[] | undefined

  constructor(name: string, settings: Upstream, { unhealthy, endpoints }: RememberedUpstream, parts: UpstreamParts) {
    this.name = name
    this.#settings = settings
    this.#remembered = unhealthy
    this.#parts = parts
    if (endpoints !== undefined) this.#take(endpoints)
  }

  /** Whether the source has told its endpoints, now or before a restart. */
  get isKnown(): boolean {
    return this.#list !== undefined
  }

  /** In the order of ids. */
  get list(): readonly SourceEndpoint[] {
    return this.#list ?? []
  }

  get size(): number {
    return this.#endpoints.size
  }

  /**
   * Takes changed settings, and the source that they ask for when it is another one. What the one before has told stands until
   * the new one has told its own.
   */
  configure(settings: Upstream, source?: DiscoverySource): void {
    this.#settings = settings
    if (source === undefined) {
      for (const endpoint of this.#endpoints.values()) this.#probe(endpoint)
      return this.#parts.onChange()
    }
    this.#following?.stop()
    this.#following = source.follow((endpoints) => this.#take(endpoints))
  }

  stop(): void {
    this.#following?.stop()
    for (const endpoint of this.#endpoints.values()) endpoint.stopProbing()
    this.#endpoints.clear()
  }

  /** The endpoints as they go to the edges, in the order of their ids. */
  endpoints(): Omit<Endpoint, '$typeName' | '$unknown'>[] {
    return this.list.map(({ id }) => {
      const { facts, changedAtMs } = this.#endpoints.get(id)!
      const { url, weight, zone, priority, tags, version, datacenter } = facts
      const reason = this.#reason(id)
      const health = reason === '' ? EndpointHealth.HEALTHY : EndpointHealth.UNHEALTHY
      return { id, url, weight, zone, priority, health, reason, tags: [...tags], version, datacenter, changedAtMs }
    })
  }

  /** Those that probes have taken out, by id. */
  unhealthy(): RememberedHealth {
    return Object.fromEntries([...this.#endpoints].filter(([, { verdict }]) => !verdict.isHealthy).map(([id, { verdict }]) => [id, verdict.reason]))
  }

  #reason(id: string): string {
    const { facts, verdict } = this.#endpoints.get(id)!
    return facts.down === '' ? verdict.reason : facts.down
  }

  #take(list: readonly SourceEndpoint[]): void {
    this.#list = list
    const ids = new Set(list.map(({ id }) => id))
    for (const [id, endpoint] of this.#endpoints) if (!ids.has(id)) this.#drop(id, endpoint)
    for (const facts of list) this.#update(facts)
    this.#remembered = {}
    this.#parts.onChange()
  }

  #drop(id: string, endpoint: Tracked): void {
    endpoint.stopProbing()
    this.#endpoints.delete(id)
  }

  #update(facts: SourceEndpoint): void {
    const known = this.#endpoints.get(facts.id)
    const isSame = known !== undefined && known.facts.url === facts.url
    const endpoint = isSame ? known : this.#add(facts, known)
    if (endpoint.facts.down !== facts.down) endpoint.changedAtMs = this.#parts.now()
    endpoint.facts = facts
    this.#probe(endpoint)
  }

  #add(facts: SourceEndpoint, replaced: Tracked | undefined): Tracked {
    replaced?.stopProbing()
    const verdict = new Verdict(this.#remembered[facts.id] ?? '')
    const endpoint = { facts, verdict, changedAtMs: this.#parts.now(), probed: undefined, stopProbing: () => {} }
    this.#endpoints.set(facts.id, endpoint)
    return endpoint
  }

  /** Begins, changes or ends the probing of an endpoint, as settings and facts now say. */
  #probe(endpoint: Tracked): void {
    const probed = this.#probedAs(endpoint.facts)
    if (isDeepStrictEqual(probed, endpoint.probed)) return
    endpoint.stopProbing()
    endpoint.probed = probed
    endpoint.stopProbing = () => {}
    // What is not probed any more is believed to work.
    if (probed === undefined) endpoint.verdict = new Verdict()
    else endpoint.stopProbing = this.#parts.prober.add({ ...probed, verdict: endpoint.verdict, onVerdict: () => this.#noteVerdict(endpoint) })
  }

  #probedAs({ url, healthUrl }: SourceEndpoint): Tracked['probed'] {
    const { hostHeader, health } = this.#settings
    const settings = health.active ?? (healthUrl === '' ? undefined : defaultActive)
    if (settings === undefined) return undefined
    const host = hostHeader === 'client' || hostHeader === 'endpoint' ? undefined : hostHeader
    const address = healthUrl === '' ? under(url, settings.path) : healthUrl
    return { target: { url: address, host, timeoutMs: settings.timeoutMs }, settings }
  }

  #noteVerdict(endpoint: Tracked): void {
    endpoint.changedAtMs = this.#parts.now()
    this.#parts.onChange()
  }
}

/** The path at an endpoint; behind a Unix socket's own it stands after a colon. */
function under(url: string, path: string): string {
  return url.startsWith('unix:') ? `${url}:${path}` : url.replace(/\/+$/, '') + path
}
