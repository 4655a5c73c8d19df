import { EnginePool } from './engine-pool.ts'
import { UndiciPool } from './undici-pool.ts'
import type { EndpointPool } from './upstream-client.ts'

/** The connections of a worker, by origin and connect timeout; shared by upstreams that name the same endpoint. */
export class PoolSet {
  private readonly pools = new Map<string, { pool: EndpointPool; origin: string }>()

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

  /** Closes what no endpoint uses any more; running attempts finish first. */
  keepOnly(origins: ReadonlySet<string>): void {
    for (const [key, { pool, origin }] of this.pools) {
      if (origins.has(origin)) continue
      this.pools.delete(key)
      void pool.close().catch(() => undefined)
    }
  }

  destroy(): void {
    for (const { pool } of this.pools.values()) pool.destroy()
    this.pools.clear()
  }
}
