import type { LookupFunction } from 'node:net'
import type { UpstreamTls as Settings } from '@sluice/proto/config'
import { EnginePool } from './engine-pool.ts'
import { Http2Pool } from './http2-pool.ts'
import { UndiciPool } from './undici-pool.ts'
import type { EndpointPool } from './upstream-client.ts'
import { UpstreamTlsContexts, type UpstreamTls } from './upstream-tls.ts'

/** How long what is open goes on at an origin that nobody has said anything of. */
const defaultDrainSeconds = 30

/** What an origin is spoken to with: requests one after the other, what may become another protocol, or HTTP/2. */
type PoolKind = 'requests' | 'upgrades' | 'http2'

interface KnownPool {
  readonly kind: PoolKind
  readonly connectMs: number
  readonly tls: UpstreamTls | undefined
  readonly pool: EndpointPool
}

/** The connections of a worker, by origin, connect timeout and TLS settings; shared by upstreams that agree in them. */
export class PoolSet {
  /** By origin, of which each nearly always has one: a search among them puts no key together. */
  private readonly pools = new Map<string, KnownPool[]>()
  /** Pools that take nothing more, until what is open at them has ended or their time is over. */
  private readonly draining = new Map<EndpointPool, NodeJS.Timeout>()
  private origins: ReadonlyMap<string, number> = new Map()

  private readonly tls = new UpstreamTlsContexts()
  private readonly engine: 'node' | 'own'
  private readonly lookup: LookupFunction | undefined

  /** `lookup`: who resolves the names of hosts [the system]. */
  constructor(engine: 'node' | 'own', lookup?: LookupFunction) {
    this.lookup = lookup
    this.engine = engine
  }

  /** Makes ready what these upstreams need; nothing that is there changes. Throws `UpstreamTlsProblem`. */
  prepare(upstreams: Readonly<Record<string, { readonly tls?: Settings | undefined }>>): void {
    this.tls.prepare(upstreams)
  }

  /** `tls` counts for origins of `https` alone. Runs once an attempt. */
  poolFor(origin: string, connectMs: number, tls: Settings | undefined): EndpointPool {
    return this.find('requests', origin, connectMs, tls)
  }

  /** Of the connections that may become something else than HTTP; always the gateway's own engine. */
  upgradePoolFor(origin: string, connectMs: number, tls: Settings | undefined): EndpointPool {
    return this.find('upgrades', origin, connectMs, tls)
  }

  /** Of endpoints with `protocol: http2`. */
  http2PoolFor(origin: string, connectMs: number, tls: Settings | undefined): EndpointPool {
    return this.find('http2', origin, connectMs, tls)
  }

  private find(kind: PoolKind, origin: string, connectMs: number, settings: Settings | undefined): EndpointPool {
    const tls = origin.startsWith('https:') ? this.tls.of(settings) : undefined
    let known = this.pools.get(origin)
    if (known === undefined) this.pools.set(origin, (known = []))
    for (const entry of known) if (entry.kind === kind && entry.connectMs === connectMs && entry.tls?.key === tls?.key) return entry.pool
    const pool = this.open(kind, { origin, lookup: this.lookup, connectMs, tls })
    known.push({ kind, connectMs, tls, pool })
    return pool
  }

  private open(kind: PoolKind, options: ConstructorParameters<typeof EnginePool>[0]): EndpointPool {
    if (kind === 'http2') return new Http2Pool(options)
    if (kind === 'upgrades') return new EnginePool({ ...options, forUpgrades: true })
    return this.engine === 'own' ? new EnginePool(options) : new UndiciPool(options)
  }

  /**
   * Closes what no endpoint uses any more. `origins`: those in use, each with the seconds for which running attempts
   * may go on once it is not; what is not over by then is cut. `tls`: the settings in use.
   */
  keepOnly(origins: ReadonlyMap<string, number>, tls: Iterable<Settings | undefined>): void {
    const before = this.origins
    this.origins = origins
    const tlsKeys = this.tls.keepOnly(tls)
    for (const [origin, known] of this.pools) {
      const isUsed = ({ tls: compiled }: KnownPool): boolean => origins.has(origin) && (compiled === undefined || tlsKeys.has(compiled.key))
      const kept = known.filter(isUsed)
      for (const entry of known) if (!isUsed(entry)) this.drain(entry.pool, before.get(origin) ?? defaultDrainSeconds)
      if (kept.length === 0) this.pools.delete(origin)
      else this.pools.set(origin, kept)
    }
  }

  destroy(): void {
    for (const known of this.pools.values()) for (const { pool } of known) pool.destroy()
    this.pools.clear()
    for (const pool of [...this.draining.keys()]) this.end(pool)
  }

  private drain(pool: EndpointPool, seconds: number): void {
    this.draining.set(pool, setTimeout(() => this.end(pool), seconds * 1000).unref())
    void pool.close().then(() => this.end(pool), () => this.end(pool))
  }

  private end(pool: EndpointPool): void {
    clearTimeout(this.draining.get(pool))
    if (this.draining.delete(pool)) pool.destroy()
  }
}
