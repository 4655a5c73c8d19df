/**
 * The connection to Cassandra. It is made in the background and tried again for ever; once made, the driver keeps it.
 * Calls wait for the first attempt and are refused at once while it is known that nobody answers.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, policies, types, type ClientOptions, type Host, type QueryOptions } from 'cassandra-driver'
import { SluiceError } from '@sluice/errors'
import { CALL_TIMEOUT_MS } from './answer.ts'
import { makeKeyspace, migrate, type Migrations } from './cassandra-migrations.ts'
import type { ConnectionSettings } from './cassandra-settings.ts'

const REQUEST_TIMEOUT_MS = 2000
const RETRY_MS = 1000

export interface Statement {
  readonly query: string
  readonly params: readonly unknown[]
}

export class Connection {
  readonly #settings: ConnectionSettings
  readonly #options: ClientOptions
  readonly #migrations: Migrations
  readonly #onWarning: (message: string) => void
  readonly #closing = new AbortController()
  readonly #running: Promise<void>
  readonly #firstAttempt = Promise.withResolvers<void>()
  #client: Client | undefined
  #problem: unknown

  /** Throws `config.invalid` when the file of `ca` cannot be read. */
  constructor(settings: ConnectionSettings, migrations: Migrations, onWarning: (message: string) => void) {
    this.#settings = settings
    this.#migrations = migrations
    this.#options = clientOptions(settings)
    this.#onWarning = onWarning
    this.#running = this.#connectForEver()
  }

  /** Resolves when the first attempt has ended, in whatever way, or after the time of one call. */
  async started(): Promise<void> {
    const giveUp = new AbortController()
    await Promise.race([this.#firstAttempt.promise, sleep(2 * CALL_TIMEOUT_MS, undefined, { signal: giveUp.signal, ref: false }).catch(() => {})])
    giveUp.abort()
  }

  /** Rows read by a quorum of the local datacenter. */
  async read(query: string, params: readonly unknown[], options: QueryOptions = {}): Promise<types.ResultSet> {
    return (await this.#ready()).execute(query, [...params], { prepare: true, isIdempotent: true, consistency: types.consistencies.localQuorum, ...options })
  }

  /** All rows, however many pages they are. */
  async readAll(query: string, params: readonly unknown[], options: QueryOptions = {}): Promise<types.Row[]> {
    const rows: types.Row[] = []
    for await (const row of await this.read(query, params, options)) rows.push(row)
    return rows
  }

  /** Rows as the last conditional write left them, whichever datacenter did it. */
  readSerial(query: string, params: readonly unknown[]): Promise<types.ResultSet> {
    return this.read(query, params, { consistency: types.consistencies.serial })
  }

  /** A plain write that may be repeated, on a quorum of the local datacenter unless said otherwise. */
  async write(query: string, params: readonly unknown[], options: QueryOptions = {}): Promise<void> {
    await this.read(query, params, options)
  }

  /**
   * A conditional batch on one partition. Ordered by all datacenters (SERIAL): with LOCAL_SERIAL two of them could each
   * let a writer win. Never repeated by the driver: after a time-out it may have been applied.
   */
  async compareAndSet(statements: readonly Statement[]): Promise<types.ResultSet> {
    const client = await this.#ready()
    return client.batch(statements.map(({ query, params }) => ({ query, params: [...params] })), {
      prepare: true,
      isIdempotent: false,
      consistency: types.consistencies.localQuorum,
      serialConsistency: types.consistencies.serial,
    })
  }

  async close(): Promise<void> {
    this.#closing.abort()
    this.#firstAttempt.resolve()
    await this.#running
    const client = this.#client
    this.#client = undefined
    await client?.shutdown()
  }

  async #ready(): Promise<Client> {
    if (!this.#client && !this.#problem) await this.#firstAttempt.promise
    if (this.#client) return this.#client
    throw this.#closing.signal.aborted ? new Error('the store is closed') : (this.#problem ?? new Error('not connected yet'))
  }

  async #connectForEver(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted && !this.#client) {
      try {
        this.#client = await this.#connect()
        this.#problem = undefined
      } catch (error) {
        if (!this.#problem && !signal.aborted) this.#onWarning(`Cassandra is not at hand, trying again each second: ${messageOf(error)}`)
        this.#problem = error
      }
      this.#firstAttempt.resolve()
      if (!this.#client) await sleep(RETRY_MS, undefined, { signal, ref: false }).catch(() => {})
    }
  }

  /** A client whose keyspace is there and up to date. */
  async #connect(): Promise<Client> {
    const { keyspace, localDatacenter, replication } = this.#settings
    const connectTo = (options: ClientOptions) => connected(new Client({ ...this.#options, ...options }))
    const client = await connectTo({ keyspace }).catch(async (error: unknown) => {
      if (!isMissingKeyspace(error)) throw error
      const bare = await connectTo({})
      await makeKeyspace(bare, { keyspace, localDatacenter, replication, onWarning: this.#onWarning }).finally(() => bare.shutdown())
      return connectTo({ keyspace })
    })
    try {
      await migrate(client, this.#migrations, this.#closing.signal)
      return client
    } catch (error) {
      await client.shutdown()
      throw error
    }
  }
}

async function connected(client: Client): Promise<Client> {
  // After an outage of all nodes driver 4.10 replaces what it knows of a node and forgets to close the old pool, which
  // then reconnects for ever, even when the client is shut down. `shutdown` is not among its documented methods.
  client.on('hostRemove', (host: Host & { shutdown?(waitForPending: boolean): Promise<void> }) => void host.shutdown?.(false)?.catch(() => {}))
  try {
    await client.connect()
    return client
  } catch (error) {
    await client.shutdown().catch(() => {})
    throw error
  }
}

function clientOptions({ contactPoints, localDatacenter, user, password, ca }: ConnectionSettings): ClientOptions {
  return {
    contactPoints: [...contactPoints],
    localDataCenter: localDatacenter,
    ...(user !== undefined && password !== undefined && { credentials: { username: user, password } }),
    ...(ca !== undefined && { sslOptions: { ca: readCertificates(ca), rejectUnauthorized: true } }),
    encoding: { useBigIntAsLong: true },
    policies: { reconnection: new policies.reconnection.ConstantReconnectionPolicy(RETRY_MS) },
    protocolOptions: { maxSchemaAgreementWaitSeconds: 20 },
    socketOptions: { connectTimeout: REQUEST_TIMEOUT_MS, readTimeout: REQUEST_TIMEOUT_MS },
  }
}

function readCertificates(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new SluiceError('config.invalid', { detail: `settings of the cassandra store: ca: ${messageOf(cause)}`, cause })
  }
}

/** Each host tried has an error of its own, under the one that says that all have failed. */
function isMissingKeyspace(error: unknown): boolean {
  const inner = Object.values((error as { innerErrors?: Record<string, unknown> }).innerErrors ?? {})
  return [error, ...inner].some((each) => /keyspace .* does not exist/i.test(messageOf(each)))
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
