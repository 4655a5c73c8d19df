import { isDeepStrictEqual } from 'node:util'
import type { DiscoverySource, Following, SourceEndpoint } from '@sluice/discovery-sources/discovery-source'
import type { ActiveHealth, Upstream } from '@sluice/proto/config'
import { EndpointHealth, type Endpoint } from '@sluice/proto/messages/discovery'
import { Judgement } from '../health/judgement.ts'
import type { Prober, ProbedEndpoint, Probing } from '../health/prober.ts'
import { Verdict } from '../health/verdict.ts'
import { endpointKey, type DownVote } from '../members/members.ts'

/** For an instance that names a health URL while its upstream has no `health.active`. */
const defaultActive: ActiveHealth = { kind: 'http', path: '/health', service: '', intervalSeconds: 10, timeoutMs: 2000, unhealthyAfter: 3, healthyAfter: 2 }

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

/** Who probes what, and what comes of the votes: `members.ts`. */
export interface Observing {
  isObserver(key: string, zone: string): boolean
  judge(key: string, zone: string, own: string): string
  noteOwnVotes(): void
}

export interface UpstreamParts {
  readonly prober: Prober
  readonly observing: Observing
  readonly now: () => number
  /** Something that an edge should know has changed. */
  readonly onChange: () => void
}

interface Tracked {
  facts: SourceEndpoint
  /** This instance's own vote, when it probes. */
  verdict: Verdict
  judgement: Judgement
  changedAtMs: number
  probed: Omit<ProbedEndpoint, 'verdict' | 'onVerdict'> | undefined
  probing: Probing | undefined
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
    for (const [id, endpoint] of this.#endpoints) this.#drop(id, endpoint)
  }

  /** The endpoints as they go to the edges, in the order of their ids. */
  endpoints(): Omit<Endpoint, '$typeName' | '$unknown'>[] {
    return this.list.map(({ id }) => {
      const { facts, changedAtMs, judgement } = this.#endpoints.get(id)!
      const { url, weight, zone, priority, tags, version, datacenter } = facts
      const reason = facts.down === '' ? judgement.reason : facts.down
      const health = reason === '' ? EndpointHealth.HEALTHY : EndpointHealth.UNHEALTHY
      return { id, url, weight, zone, priority, health, reason, tags: [...tags], version, datacenter, changedAtMs }
    })
  }

  /** Those that probes have taken out, by id. */
  unhealthy(): RememberedHealth {
    return Object.fromEntries([...this.#endpoints].flatMap(([id, { judgement }]) => (judgement.verdict === '' ? [] : [[id, judgement.verdict]])))
  }

  /** What this instance itself finds down. */
  ownVotes(): DownVote[] {
    return [...this.#endpoints].flatMap(([id, { verdict, probing }]) => (probing === undefined || verdict.isHealthy ? [] : [{ upstream: this.name, id, reason: verdict.reason }]))
  }

  /** Others probe now than before. */
  reobserve(): void {
    for (const endpoint of this.#endpoints.values()) {
      this.#probe(endpoint)
      this.#judge(endpoint)
    }
  }

  /** Somebody else's vote on an endpoint has changed. */
  reconsider(id: string): void {
    const endpoint = this.#endpoints.get(id)
    if (endpoint !== undefined) this.#judge(endpoint)
  }

  /** Traffic has found something wrong with an endpoint: it is probed at once, if it is this instance that probes it. */
  doubt(id: string): void {
    this.#endpoints.get(id)?.probing?.hurry()
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
    endpoint.probing?.stop()
    endpoint.judgement.stop()
    this.#endpoints.delete(id)
  }

  #update(facts: SourceEndpoint): void {
    const known = this.#endpoints.get(facts.id)
    const isSame = known !== undefined && known.facts.url === facts.url
    if (known !== undefined && !isSame) this.#drop(facts.id, known)
    const endpoint = isSame ? known : this.#add(facts)
    if (endpoint.facts.down !== facts.down) endpoint.changedAtMs = this.#parts.now()
    endpoint.facts = facts
    this.#probe(endpoint)
  }

  #add(facts: SourceEndpoint): Tracked {
    const reason = this.#remembered[facts.id] ?? ''
    const judgement = new Judgement(reason, () => this.#judge(endpoint))
    const endpoint: Tracked = { facts, verdict: new Verdict(reason), judgement, changedAtMs: this.#parts.now(), probed: undefined, probing: undefined }
    this.#endpoints.set(facts.id, endpoint)
    return endpoint
  }

  /** Begins, changes or ends the probing of an endpoint, as settings, facts and the other observers now say. */
  #probe(endpoint: Tracked): void {
    const { facts } = endpoint
    const probed = this.#probedAs(facts)
    const isOurs = probed !== undefined && this.#parts.observing.isObserver(endpointKey(this.name, facts.id), facts.zone)
    if (isOurs === (endpoint.probing !== undefined) && isDeepStrictEqual(probed, endpoint.probed)) return
    endpoint.probing?.stop()
    endpoint.probing = undefined
    endpoint.probed = probed
    // What is not probed any more is believed to work.
    if (probed === undefined) endpoint.judgement.forget()
    if (!isOurs) return
    // Whoever takes over begins with what the others have found.
    endpoint.verdict = new Verdict(endpoint.judgement.verdict)
    endpoint.probing = this.#parts.prober.add({ ...probed, verdict: endpoint.verdict, onVerdict: () => this.#noteVerdict(endpoint) })
  }

  #probedAs({ url, healthUrl }: SourceEndpoint): Tracked['probed'] {
    const { hostHeader, health, tls, protocol } = this.#settings
    const settings = health.active ?? (healthUrl === '' ? undefined : defaultActive)
    if (settings === undefined) return undefined
    const host = hostHeader === 'client' || hostHeader === 'endpoint' ? undefined : hostHeader
    // An instance says where it is, the upstream's settings how it is spoken to.
    const spoken = tls === undefined ? url : url.replace(/^http:/, 'https:')
    const address = healthUrl === '' ? spoken.replace(/\/+$/, '') + settings.path : healthUrl
    // An address of its own is a page like any other.
    const asked = healthUrl === '' ? { protocol, kind: settings.kind, service: settings.service } : { protocol: 'http1' as const }
    return { target: { url: address, host, timeoutMs: settings.timeoutMs, tls, ...asked }, settings }
  }

  #noteVerdict(endpoint: Tracked): void {
    this.#parts.observing.noteOwnVotes()
    this.#judge(endpoint)
  }

  #judge(endpoint: Tracked): void {
    const { facts, verdict, probed, probing, judgement } = endpoint
    if (probed === undefined) return
    const own = probing === undefined ? '' : verdict.reason
    const reason = this.#parts.observing.judge(endpointKey(this.name, facts.id), facts.zone, own)
    if (!judgement.take(reason)) return
    endpoint.changedAtMs = this.#parts.now()
    this.#parts.onChange()
  }
}
