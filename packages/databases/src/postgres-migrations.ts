/**
 * Makes the tables and brings them up to date, from files. Any number of processes may start at once: one at a time
 * changes tables, under an advisory lock; each file is a transaction together with the note that it was applied.
 */
import { readdirSync, readFileSync } from 'node:fs'
import type { ClientBase } from 'pg'

export interface Migrations {
  /** Names them among those of other stores in the same database. */
  readonly store: string
  /** Holds `001-….sql` and so on, applied in the order of their names. */
  readonly folder: URL
}

/** Any number that is always the same: processes that change tables of these stores meet on it. */
const LOCK_KEY = 0x51_01_ce
const CHANGE_TIMEOUT_MS = 60_000
const UNDEFINED_TABLE = '42P01'

export async function migratePostgres(client: ClientBase, { store, folder }: Migrations): Promise<void> {
  const files = readdirSync(folder).filter((file) => file.endsWith('.sql')).toSorted()
  if ((await appliedVersion(client, store, files.length)) === files.length) return
  const run = (text: string) => client.query(Object.assign({ text }, { query_timeout: CHANGE_TIMEOUT_MS }))
  await run('BEGIN')
  await run(`SET LOCAL statement_timeout = ${CHANGE_TIMEOUT_MS}; SET LOCAL lock_timeout = ${CHANGE_TIMEOUT_MS}`)
  await run(`SELECT pg_advisory_xact_lock(${LOCK_KEY})`)
  await run('CREATE TABLE IF NOT EXISTS schema_version (store text, version integer, applied_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (store, version))')
  const applied = await appliedVersion(client, store, files.length)
  for (const [index, file] of files.entries()) {
    if (index < applied) continue
    await run(readFileSync(new URL(file, folder), 'utf8'))
    await client.query('INSERT INTO schema_version (store, version) VALUES ($1, $2)', [store, index + 1])
  }
  await run('COMMIT')
}

async function appliedVersion(client: ClientBase, store: string, latest: number): Promise<number> {
  try {
    const { rows } = await client.query<{ version: number }>('SELECT coalesce(max(version), 0) AS version FROM schema_version WHERE store = $1', [store])
    const version = rows[0]?.version ?? 0
    if (version > latest) throw new Error(`its tables have version ${version}, this program knows ${latest}: a newer version of the program made them`)
    return version
  } catch (error) {
    if ((error as { code?: unknown }).code === UNDEFINED_TABLE) return 0
    throw error
  }
}
