/**
 * The one of several PostgreSQL servers that takes writes. A connection that cannot be made has all of them asked at once, so
 * that one that hangs holds nobody up; who answers first that it is no standby is used from then on.
 */
import pg, { type PoolClient, type PoolConfig } from 'pg'

export class PostgresPrimary {
  readonly #pools: readonly pg.Pool[]
  #current: pg.Pool
  #seeking: Promise<pg.Pool> | undefined

  /** One server is used as it is; of several those that are standbys are passed over. */
  constructor(servers: readonly PoolConfig[]) {
    this.#pools = servers.map((server) => openPool(servers.length === 1 ? server : { ...server, verify: refuseStandby }))
    this.#current = this.#pools[0]!
  }

  /** Calls that wait for a connection. */
  get waitingCount(): number {
    return this.#current.waitingCount
  }

  /** A connection to the primary; rejects with what each of the servers said when there is none. */
  async connect(): Promise<PoolClient> {
    try {
      return await this.#current.connect()
    } catch (error) {
      if (this.#pools.length === 1) throw error
      this.#current = await this.#seek()
      return this.#current.connect()
    }
  }

  async end(): Promise<void> {
    await this.#seeking?.catch(() => {})
    await Promise.all(this.#pools.filter((pool) => !pool.ending).map((pool) => pool.end()))
  }

  #seek(): Promise<pg.Pool> {
    this.#seeking ??= Promise.any(this.#pools.map(asPrimary)).finally(() => (this.#seeking = undefined))
    return this.#seeking
  }
}

function openPool(config: PoolConfig): pg.Pool {
  const pool = new pg.Pool(config)
  // Without a listener, a connection that ends while nobody waits on it would end the process.
  pool.on('error', () => {})
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

/** The pool's `verify`: called for each connection that it makes, before it is handed out. */
const refuseStandby: NonNullable<PoolConfig['verify']> = (client, done) => {
  client.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby', [], (error: Error | null, found) => {
    if (error) done(error)
    else done(found.rows[0]?.standby === false ? undefined : new Error(`${client.host} is a standby`))
  })
}

async function asPrimary(pool: pg.Pool): Promise<pg.Pool> {
  const client = await pool.connect()
  client.release()
  return pool
}
