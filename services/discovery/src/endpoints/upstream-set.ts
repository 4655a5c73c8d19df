import { isDeepStrictEqual } from 'node:util'
import { discoverySources } from '@sluice/discovery-sources'
import type { DiscoverySource, DiscoverySourceModule, InstanceDirectory, SourceEndpoint } from '@sluice/discovery-sources/discovery-source'
import type { Upstream } from '@sluice/proto/config'
import type { Logger, MetricsRegistry } from '@sluice/service-kit'
import type { Prober } from '../health/prober.ts'
import { splitKey, type DownVote } from '../members/members.ts'
import type { SourceReports } from './source-reports.ts'
import { TrackedUpstream, type HeldCircuit, type Observing, type RememberedHealth, type RememberedUpstream } from './tracked-upstream.ts'
import type { PlainUpstreamState } from './upstream-state.ts'

/** Endpoints of all upstreams; an upstream that would pass it is not taken, and that is logged. */
const maxEndpoints = 100_000

export interface UpstreamSetParts {
  readonly scope: string
  readonly prober: Prober
  readonly observing: Observing
  readonly instances: InstanceDirectory
  readonly reports: SourceReports
  readonly logger: Logger
  readonly now: () => number
  readonly onChange: (upstream: string) => void
}

interface Entry {
  settings: Upstream
  readonly tracked: TrackedUpstream
  version: number
  /** How its circuit is held by hand. */
  held: HeldCircuit
}

/** All upstreams of the configuration. */
export class UpstreamSet {
  readonly #parts: UpstreamSetParts
  readonly #upstreams = new Map<string, Entry>()
  readonly #modules = new Map<string, DiscoverySourceModule>()
  #lastVersion = 0
  /** New at each start and later than before, even when the wall clock was set back. */
  epochMs = 0

  constructor(parts: UpstreamSetParts) {
    this.#parts = parts
  }

  /** Goes over to the upstreams of a configuration; one that is unchanged is left alone. */
  async apply(upstreams: Readonly<Record<string, Upstream>>, remembered: Readonly<Record<string, RememberedUpstream>> = {}): Promise<void> {
    for (const { name, load } of discoverySources) if (!this.#modules.has(name)) this.#modules.set(name, await load())
    for (const [name, { tracked }] of this.#upstreams) if (!Object.hasOwn(upstreams, name)) this.#remove(name, tracked)
    for (const [name, settings] of Object.entries(upstreams)) this.#configure(name, settings, remembered[name] ?? { unhealthy: {} })
  }

  /** The state of an upstream; undefined when there is none of that name, and while its source has not answered yet. */
  state(name: string): PlainUpstreamState | undefined {
    const found = this.#upstreams.get(name)
    if (found === undefined || !found.tracked.isKnown) return undefined
    return { scope: this.#parts.scope, upstream: name, version: found.version, epochMs: this.epochMs, endpoints: found.tracked.endpoints(), heldCircuit: found.held }
  }

  /** Has the edges open or close an upstream's circuit by hand, or with '' no longer; false when there is no such upstream. */
  hold(name: string, held: HeldCircuit): boolean {
    const found = this.#upstreams.get(name)
    if (found === undefined) return false
    if (found.held === held) return true
    found.held = held
    found.version = ++this.#lastVersion
    this.#parts.onChange(name)
    return true
  }

  /** Those with a circuit breaker or one that is held, by name. */
  circuits(): { readonly upstream: string; readonly held: HeldCircuit }[] {
    const found = [...this.#upstreams].filter(([, { settings, held }]) => held !== '' || settings.circuitBreaker !== undefined)
    return found.map(([upstream, { held }]) => ({ upstream, held })).sort((a, b) => (a.upstream < b.upstream ? -1 : 1))
  }

  /** How circuits are held by hand, where they are. */
  held(): Record<string, HeldCircuit> {
    return Object.fromEntries([...this.#upstreams].filter(([, { held }]) => held !== '').map(([name, { held }]) => [name, held]))
  }

  /** What this instance itself finds down, of all upstreams. */
  ownVotes(): DownVote[] {
    return [...this.#upstreams.values()].flatMap(({ tracked }) => tracked.ownVotes())
  }

  /** Others probe now than before. */
  reobserve(): void {
    for (const { tracked } of this.#upstreams.values()) tracked.reobserve()
  }

  /** Others' votes on these endpoints have changed. */
  reconsider(keys: Iterable<string>): void {
    for (const key of keys) {
      const [upstream = '', id = ''] = splitKey(key)
      this.#upstreams.get(upstream)?.tracked.reconsider(id)
    }
  }

  /** Traffic has found something wrong with an endpoint. */
  doubt(upstream: string, id: string): void {
    this.#upstreams.get(upstream)?.tracked.doubt(id)
  }

  has(name: string): boolean {
    return this.#upstreams.has(name)
  }

  names(): string[] {
    return [...this.#upstreams.keys()].sort()
  }

  unhealthy(): Record<string, RememberedHealth> {
    const all = [...this.#upstreams].map(([name, { tracked }]) => [name, tracked.unhealthy()] as const)
    return Object.fromEntries(all.filter(([, endpoints]) => Object.keys(endpoints).length > 0))
  }

  /** What sources have told that have to be asked over a network: it stands when they cannot be asked after a restart. */
  found(): Record<string, readonly SourceEndpoint[]> {
    const asked = [...this.#upstreams].filter(([, { settings, tracked }]) => tracked.isKnown && settings.discovery !== undefined && settings.discovery.source !== 'registration')
    return Object.fromEntries(asked.map(([name, { tracked }]) => [name, tracked.list]))
  }

  /** `sluice_endpoint_healthy`, filled at each scrape. */
  showHealth(metrics: MetricsRegistry): void {
    const gauge = metrics.gauge('sluice_endpoint_healthy', '1 while an endpoint takes requests, 0 while it is out.', ['upstream', 'endpoint'])
    metrics.onCollect(() => {
      gauge.clear()
      for (const [name, { tracked }] of this.#upstreams) for (const { id, reason } of tracked.endpoints()) gauge.with(name, id).set(reason === '' ? 1 : 0)
    })
  }

  stop(): void {
    for (const { tracked } of this.#upstreams.values()) tracked.stop()
    this.#upstreams.clear()
  }

  #configure(name: string, settings: Upstream, remembered: RememberedUpstream): void {
    const known = this.#upstreams.get(name)
    if (known !== undefined && isDeepStrictEqual(known.settings, settings)) return
    // A source that is asked the same as before goes on: it would have to connect anew for nothing.
    if (known !== undefined && isDeepStrictEqual(placesIn(known.settings), placesIn(settings))) {
      known.settings = settings
      return known.tracked.configure(settings)
    }
    const source = this.#sourceOf(name, settings)
    if (source === undefined) return
    const found = known ?? { settings, tracked: this.#track(name, settings, remembered), version: 0, held: remembered.held ?? '' }
    found.settings = settings
    this.#upstreams.set(name, found)
    found.tracked.configure(settings, source)
  }

  #track(name: string, settings: Upstream, remembered: RememberedUpstream): TrackedUpstream {
    const { prober, observing, now, onChange } = this.#parts
    const noteChange = () => {
      const found = this.#upstreams.get(name)
      if (found !== undefined) found.version = ++this.#lastVersion
      onChange(name)
    }
    return new TrackedUpstream(name, settings, remembered, { prober, observing, now, onChange: noteChange })
  }

  #sourceOf(name: string, { endpoints, discovery }: Upstream): DiscoverySource | undefined {
    const others = [...this.#upstreams].reduce((sum, [other, { tracked }]) => (other === name ? sum : sum + tracked.size), 0)
    if (others + (endpoints?.length ?? 0) > maxEndpoints) {
      this.#parts.logger.error({ upstream: name }, `the endpoints of an upstream are not watched: there are ${others} already, and room for ${maxEndpoints}`)
      return undefined
    }
    const [kind, settings] = endpoints === undefined ? [discovery?.source ?? '', discovery] : ['static', { endpoints }]
    const entry = discoverySources.find((candidate) => candidate.name === kind)
    try {
      const { instances, reports } = this.#parts
      return this.#modules.get(kind)?.createSource(entry?.settings.parse(settings) as never, { instances, status: reports.statusFor(name, kind) })
    } catch (error) {
      this.#parts.logger.error({ err: error, upstream: name }, 'the source of an upstream cannot be used; what it was before stays')
      return undefined
    }
  }

  #remove(name: string, tracked: TrackedUpstream): void {
    tracked.stop()
    this.#upstreams.delete(name)
    this.#parts.reports.forget(name)
  }
}

/** What decides where endpoints come from. */
function placesIn({ endpoints, discovery }: Upstream): unknown {
  return [endpoints, discovery]
}
