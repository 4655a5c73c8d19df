import { EnginePool } from './engine-pool.ts'
import { UndiciPool } from './undici-pool.ts'
import type { EndpointPool } from './upstream-client.ts'

/** How long what is open goes on at an origin that nobody has said anything of. */
const defaultDrainSeconds = 30

/** The connections of a worker, by origin and connect timeout; shared by upstreams that name the same endpoint. */
export class PoolSet {
  private readonly pools = new Map<string, { pool: EndpointPool; origin: string }>()
  /** Pools that take nothing more, until what is open at them has ended or their time is over. */
  private readonly draining = new Map<EndpointPool, NodeJS.Timeout>()
  private origins: ReadonlyMap<string, number> = new Map()

  private readonly Pool: typeof EnginePool | typeof UndiciPool

  constructor(engine: 'node' | 'own') {
    this.Pool = engine === 'own' ? EnginePool : UndiciPool
  }

  poolFor(origin: string, connectMs: number): EndpointPool {
    const key = `${connectMs} ${origin}`
    const known = this.pools.get(key)
    if (known !== undefined) return known.pool
    const pool = new this.Pool({ origin, connectMs })
    this.pools.set(key, { pool, origin })
    return pool
  }

  /**
   * Closes what no endpoint uses any more. `origins`: those in use, each with the seconds for which running attempts
   * may go on once it is not; what is not over by then is cut.
   */
  keepOnly(origins: ReadonlyMap<string, number>): void {
    const before = this.origins
    this.origins = origins
    for (const [key, { pool, origin }] of this.pools) {
      if (origins.has(origin)) continue
      this.pools.delete(key)
      this.drain(pool, before.get(origin) ?? defaultDrainSeconds)
    }
  }

  destroy(): void {
    for (const { pool } of this.pools.values()) pool.destroy()
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
