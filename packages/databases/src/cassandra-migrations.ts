/**
 * Makes the keyspace and brings its tables up to date, from its files. Any number of processes may
 * start at once: one at a time changes tables, under a lock that is a row with a time to live, so that the lock of a
 * process that died goes by itself. Every statement may be repeated, so a half-done file is simply done again.
 */
import { createHash, randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { types, type Client } from 'cassandra-driver'

const LOCK_SECONDS = 30
const LOCK_POLL_MS = 250
const LOCK_WAIT_MS = 120_000
const STATEMENT_TIMEOUT_MS = 30_000

const { localQuorum, quorum, serial } = types.consistencies

export interface Migrations {
  /** Names them among those of other stores in the same keyspace. */
  readonly store: string
  /** Holds `001-….cql` and so on, applied in the order of their names. */
  readonly folder: URL
}

export interface KeyspaceOptions {
  readonly keyspace: string
  readonly localDatacenter: string
  readonly replication: string | undefined
  readonly onWarning: (message: string) => void
}

/** `client` is connected to no keyspace. */
export async function makeKeyspace(client: Client, { keyspace, localDatacenter, replication, onWarning }: KeyspaceOptions): Promise<void> {
  if (replication === undefined) {
    onWarning(`the keyspace ${keyspace} is made with one copy in the datacenter ${localDatacenter}: losing that node loses what it holds; set the replication (such as dc1:3,dc2:3) before the first start`)
  }
  const copies = (replication ?? `${localDatacenter}:1`).split(',').map((entry) => {
    const [datacenter, count] = entry.split(':')
    return `'${datacenter}': ${count}`
  })
  await change(client, `CREATE KEYSPACE IF NOT EXISTS ${keyspace} WITH replication = {'class': 'NetworkTopologyStrategy', ${copies.join(', ')}}`)
}

/** `client` is connected to the keyspace. */
export async function migrate(client: Client, { store, folder }: Migrations, signal: AbortSignal): Promise<void> {
  const migrations = readMigrations(folder)
  const latest = migrations.length
  if (await isCurrent(client, store, latest)) return
  await change(client, lockTable(client.keyspace))
  const owner = randomUUID()
  const deadline = performance.now() + LOCK_WAIT_MS
  while (!(await takeLock(client, owner))) {
    if (performance.now() > deadline) throw new Error(`waited ${LOCK_WAIT_MS} ms for another process that changes the tables`)
    await sleep(LOCK_POLL_MS, undefined, { signal })
    if (await isCurrent(client, store, latest)) return
  }
  try {
    await change(client, 'CREATE TABLE IF NOT EXISTS schema_version (store text, version int, applied_at timestamp, PRIMARY KEY ((store), version))')
    const applied = await appliedVersion(client, store)
    for (const [index, statements] of migrations.entries()) {
      if (index < applied) continue
      for (const statement of statements) {
        await keepLock(client, owner)
        await change(client, statement)
      }
      const params = [store, index + 1, new Date()]
      await client.execute('INSERT INTO schema_version (store, version, applied_at) VALUES (?, ?, ?)', params, { prepare: true, consistency: quorum })
    }
  } finally {
    await releaseLock(client, owner)
  }
}

function readMigrations(folder: URL): string[][] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.cql')).toSorted()
  return files.map((file) => {
    const text = readFileSync(new URL(file, folder), 'utf8').replaceAll(/--.*$/gm, '')
    return text.split(';').map((statement) => statement.trim()).filter(Boolean)
  })
}

async function isCurrent(client: Client, store: string, latest: number): Promise<boolean> {
  const version = await appliedVersion(client, store)
  if (version > latest) throw new Error(`its tables have version ${version}, this program knows ${latest}: a newer version of the program made them`)
  return version === latest
}

async function appliedVersion(client: Client, store: string): Promise<number> {
  try {
    const result = await client.execute('SELECT max(version) AS version FROM schema_version WHERE store = ?', [store], { prepare: true, consistency: localQuorum })
    return Number(result.first()?.version ?? 0)
  } catch (error) {
    if (/table .*does not exist|unconfigured table/i.test(String(error))) return 0
    throw error
  }
}

/**
 * Two processes that make a table at once on two nodes make two different ones, unless its id is given: here it comes
 * from its name.
 */
function lockTable(keyspace: string): string {
  const hash = createHash('sha256').update(`${keyspace}.schema_lock`).digest('hex')
  const id = `${hash.slice(0, 8)}-${hash.slice(8, 12)}-4${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`
  return `CREATE TABLE IF NOT EXISTS schema_lock (name text PRIMARY KEY, owner text) WITH id = ${id}`
}

async function change(client: Client, statement: string): Promise<void> {
  const result = await client.execute(statement, [], { readTimeout: STATEMENT_TIMEOUT_MS })
  // The driver says so, its types do not.
  const { isSchemaInAgreement } = result.info as typeof result.info & { isSchemaInAgreement?: boolean }
  if (isSchemaInAgreement === false) throw new Error('the nodes did not agree on the tables in time')
}

async function takeLock(client: Client, owner: string): Promise<boolean> {
  const result = await conditional(client, `INSERT INTO schema_lock (name, owner) VALUES ('tables', ?) IF NOT EXISTS USING TTL ${LOCK_SECONDS}`, [owner])
  return result.wasApplied() || result.first()?.owner === owner
}

async function keepLock(client: Client, owner: string): Promise<void> {
  const result = await conditional(client, `UPDATE schema_lock USING TTL ${LOCK_SECONDS} SET owner = ? WHERE name = 'tables' IF owner = ?`, [owner, owner])
  if (!result.wasApplied()) throw new Error('lost the lock on the tables: this process stood still for too long')
}

async function releaseLock(client: Client, owner: string): Promise<void> {
  // If this fails the lock runs out by itself.
  await conditional(client, "DELETE FROM schema_lock WHERE name = 'tables' IF owner = ?", [owner]).catch(() => {})
}

function conditional(client: Client, query: string, params: readonly unknown[]): Promise<types.ResultSet> {
  return client.execute(query, [...params], { prepare: true, isIdempotent: false, consistency: localQuorum, serialConsistency: serial })
}
