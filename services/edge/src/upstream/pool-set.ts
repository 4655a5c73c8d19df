import type { LookupFunction } from 'node:net'
import type { UpstreamTls as Settings } from '@sluice/proto/config'
import { EnginePool } from './engine-pool.ts'
import { Http2Pool } from './http2-pool.ts'
import { UndiciPool } from './undici-pool.ts'
import type { EndpointPool } from './upstream-client.ts'
import { UpstreamTlsContexts, type UpstreamTls } from './upstream-tls.ts'

/** How long what is open goes on at an origin that nobody has said anything of. */
const defaultDrainSeconds = 30

/** The connections of a worker, by origin, connect timeout and TLS settings; shared by upstreams that agree in them. */
export class PoolSet {
  private readonly pools = new Map<string, { pool: EndpointPool; origin: string; tlsKey: string | undefined }>()
  /** Pools that take nothing more, until what is open at them has ended or their time is over. */
  private readonly draining = new Map<EndpointPool, NodeJS.Timeout>()
  /** Of each origin the pool last asked for: nearly always the next one too, and no key has to be put together. */
  private readonly lastAsked = new Map<string, { connectMs: number; tls: UpstreamTls | undefined; pool: EndpointPool }>()
  private origins: ReadonlyMap<string, number> = new Map()

  private readonly tls = new UpstreamTlsContexts()
  private readonly Pool: typeof EnginePool | typeof UndiciPool
  private readonly lookup: LookupFunction | undefined

  /** `lookup`: who resolves the names of hosts [the system]. */
  constructor(engine: 'node' | 'own', lookup?: LookupFunction) {
    this.lookup = lookup
    this.Pool = engine === 'own' ? EnginePool : UndiciPool
  }

  /** Makes ready what these upstreams need; nothing that is there changes. Throws `UpstreamTlsProblem`. */
  prepare(upstreams: Readonly<Record<string, { readonly tls?: Settings | undefined }>>): void {
    this.tls.prepare(upstreams)
  }

  /** `tls` counts for origins of `https` alone. Runs once an attempt. */
  poolFor(origin: string, connectMs: number, tls: Settings | undefined): EndpointPool {
    const compiled = origin.startsWith('https:') ? this.tls.of(tls) : undefined
    const last = this.lastAsked.get(origin)
    if (last !== undefined && last.connectMs === connectMs && last.tls === compiled) return last.pool
    const key = compiled === undefined ? `${connectMs} ${origin}` : `${connectMs} ${origin} ${compiled.key}`
    const pool = this.pools.get(key)?.pool ?? this.keep(key, origin, compiled, new this.Pool({ origin, lookup: this.lookup, connectMs, tls: compiled }))
    this.lastAsked.set(origin, { connectMs, tls: compiled, pool })
    return pool
  }

  /** Of the connections that may become something else than HTTP; always the gateway's own engine. */
  upgradePoolFor(origin: string, connectMs: number, tls: Settings | undefined): EndpointPool {
    const compiled = origin.startsWith('https:') ? this.tls.of(tls) : undefined
    const key = `upgrade ${connectMs} ${origin} ${compiled?.key ?? ''}`
    return this.pools.get(key)?.pool ?? this.keep(key, origin, compiled, new EnginePool({ origin, lookup: this.lookup, connectMs, tls: compiled, forUpgrades: true }))
  }

  /** Of endpoints with `protocol: http2`. */
  http2PoolFor(origin: string, connectMs: number, tls: Settings | undefined): EndpointPool {
    const compiled = origin.startsWith('https:') ? this.tls.of(tls) : undefined
    const key = `http2 ${connectMs} ${origin} ${compiled?.key ?? ''}`
    return this.pools.get(key)?.pool ?? this.keep(key, origin, compiled, new Http2Pool({ origin, lookup: this.lookup, connectMs, tls: compiled }))
  }

  private keep(key: string, origin: string, tls: UpstreamTls | undefined, pool: EndpointPool): EndpointPool {
    this.pools.set(key, { pool, origin, tlsKey: tls?.key })
    return pool
  }

  /**
   * Closes what no endpoint uses any more. `origins`: those in use, each with the seconds for which running attempts
   * may go on once it is not; what is not over by then is cut. `tls`: the settings in use.
   */
  keepOnly(origins: ReadonlyMap<string, number>, tls: Iterable<Settings | undefined>): void {
    const before = this.origins
    this.origins = origins
    this.lastAsked.clear()
    const tlsKeys = this.tls.keepOnly(tls)
    for (const [key, { pool, origin, tlsKey }] of this.pools) {
      if (origins.has(origin) && (tlsKey === undefined || tlsKeys.has(tlsKey))) continue
      this.pools.delete(key)
      this.drain(pool, before.get(origin) ?? defaultDrainSeconds)
    }
  }

  destroy(): void {
    for (const { pool } of this.pools.values()) pool.destroy()
    this.pools.clear()
    this.lastAsked.clear()
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
