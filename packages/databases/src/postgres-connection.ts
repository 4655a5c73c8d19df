/**
 * The connections to PostgreSQL. They are made when they are needed; one that failed in any way is thrown away with
 * what it was doing, so that the next call begins on a good one. Tables are brought up to date before the first call.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import pg, { type PoolClient, type PoolConfig } from 'pg'
import { SluiceError } from '@sluice/errors'
import { CALL_TIMEOUT_MS } from './answer.ts'
import { migratePostgres, type Migrations } from './postgres-migrations.ts'
import { PostgresPrimary } from './postgres-primary.ts'
import type { PostgresAddress } from './postgres-settings.ts'

const CONNECT_TIMEOUT_MS = 2000
/** The server ends a statement before the caller gives up, so that little is left in doubt. */
const STATEMENT_TIMEOUT_MS = 4000
/** For a server that does not answer at all. */
const SILENCE_TIMEOUT_MS = 4500
const MAX_CONNECTIONS = 10
/** Calls that wait for a connection; each waits for two seconds at most. */
const MAX_WAITING = 1000

export type Row = Record<string, unknown>
/** Runs one statement and answers its rows. */
export type Query = (text: string, values?: readonly unknown[]) => Promise<Row[]>

/** Whether the transaction was done is not known: its COMMIT was sent and not answered. */
export class OutcomeUnknown extends Error {}

export class PostgresConnection {
  readonly #primary: PostgresPrimary
  readonly #migrations: Migrations
  readonly #onWarning: (message: string) => void
  #migrated: Promise<void> | undefined
  #isInTrouble = false
  #isClosed = false

  /** `addresses` are of servers that stand in for each other. Throws `config.invalid` when a file that is named cannot be read. */
  constructor(addresses: readonly PostgresAddress[], migrations: Migrations, onWarning: (message: string) => void) {
    this.#migrations = migrations
    this.#onWarning = onWarning
    this.#primary = new PostgresPrimary(addresses.map(poolConfig))
  }

  /** Resolves when the first attempt to connect has ended, in whatever way, or after the time of two calls. */
  async started(): Promise<void> {
    const giveUp = new AbortController()
    await Promise.race([this.#ready().catch(() => {}), sleep(2 * CALL_TIMEOUT_MS, undefined, { signal: giveUp.signal, ref: false }).catch(() => {})])
    giveUp.abort()
  }

  /** One statement, which is a transaction of its own. */
  async query(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    const client = await this.#client()
    try {
      const { rows } = await client.query<Row>(text, [...values])
      client.release()
      return rows
    } catch (error) {
      client.release(true)
      throw wasRefused(error) ? error : this.#told(error)
    }
  }

  /**
   * What `work` answers, all of its statements being one transaction. It is not committed once the time of a call is
   * over, since the caller has been told that it failed. Throws `OutcomeUnknown` when only the answer to COMMIT is missing.
   */
  async transaction<T>(work: (query: Query) => Promise<T>): Promise<T> {
    const deadline = performance.now() + CALL_TIMEOUT_MS
    const client = await this.#client()
    let isCommitting = false
    const query: Query = async (text, values = []) => {
      if (performance.now() > deadline) throw new Error(`no answer within ${CALL_TIMEOUT_MS} ms`)
      return (await client.query<Row>(text, [...values])).rows
    }
    try {
      await query('BEGIN')
      const result = await work(query)
      isCommitting = performance.now() < deadline
      await query('COMMIT')
      client.release()
      return result
    } catch (error) {
      await this.#abandon(client, error)
      throw isCommitting ? new OutcomeUnknown('the answer to COMMIT got lost', { cause: error }) : error
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#migrated?.catch(() => {})
    await this.#primary.end()
  }

  /** A refusal leaves the connection good; after anything else it ends, and what it was doing with it. */
  async #abandon(client: PoolClient, error: unknown): Promise<void> {
    const isRolledBack = error instanceof SluiceError && (await client.query('ROLLBACK').then(() => true, () => false))
    client.release(!isRolledBack)
  }

  async #client(): Promise<PoolClient> {
    await this.#ready()
    return this.#connect()
  }

  #ready(): Promise<void> {
    this.#migrated ??= this.#migrate().catch((error: unknown) => {
      this.#migrated = undefined
      throw error
    })
    return this.#migrated
  }

  async #migrate(): Promise<void> {
    const client = await this.#connect()
    try {
      await migratePostgres(client, this.#migrations)
      client.release()
    } catch (error) {
      client.release(true)
      throw this.#told(error)
    }
  }

  async #connect(): Promise<PoolClient> {
    if (this.#isClosed) throw new Error('the store is closed')
    if (this.#primary.waitingCount >= MAX_WAITING) throw new Error(`${MAX_WAITING} calls wait for a connection already`)
    try {
      const client = await this.#primary.connect()
      if (this.#migrated !== undefined) this.#isInTrouble = false
      return client
    } catch (error) {
      throw this.#told(error)
    }
  }

  /** The operator hears of an outage once. */
  #told(error: unknown): unknown {
    if (!this.#isInTrouble && !this.#isClosed) this.#onWarning(`PostgreSQL is not at hand, tried again at each call: ${messageOf(error)}`)
    this.#isInTrouble = true
    return error
  }
}

/**
 * Whether the server has said itself that it did not do it (SQLSTATE; classes 08 and 57P are the ends of connections, and
 * 25006 is a primary that has become a standby: another one will do it).
 */
export function wasRefused(error: unknown): boolean {
  return error instanceof pg.DatabaseError && !/^(08|57P|25006)/.test(error.code ?? '')
}

function poolConfig(address: PostgresAddress): PoolConfig {
  const { host, port, user, password, database } = address
  return {
    host,
    port,
    user,
    password,
    database,
    ssl: tlsOptions(address),
    application_name: 'sluice',
    max: MAX_CONNECTIONS,
    idleTimeoutMillis: 30_000,
    allowExitOnIdle: true,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: SILENCE_TIMEOUT_MS,
    // A writer that vanished without a word must not hold its locks.
    idle_in_transaction_session_timeout: CALL_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5000,
    // Whatever the server's defaults are: what was answered is on its disk, and each statement sees what is committed.
    options: '-c synchronous_commit=on -c default_transaction_isolation=read\\ committed',
  }
}

function tlsOptions({ sslMode, sslRootCert, sslCert, sslKey }: PostgresAddress): PoolConfig['ssl'] {
  if (sslMode === 'disable') return false
  return { rejectUnauthorized: sslMode === 'verify-full', ca: readPem('sslrootcert', sslRootCert), cert: readPem('sslcert', sslCert), key: readPem('sslkey', sslKey) }
}

function readPem(parameter: string, file: string | undefined): string | undefined {
  try {
    return file === undefined ? undefined : readFileSync(file, 'utf8')
  } catch (cause) {
    throw new SluiceError('config.invalid', { detail: `settings of the postgres store: ${parameter}: ${messageOf(cause)}`, cause })
  }
}

function messageOf(error: unknown): string {
  // Several addresses of one name that all refuse are one error with an empty message.
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}
