/**
 * The SQLite file under an embedded store: opened by one process only, WAL so that a crash loses nothing that was
 * committed (`synchronous = FULL` syncs the log at each commit), its schema brought up to date step by step.
 */
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { SluiceError } from '@sluice/errors'

const BUSY = 5
const NOT_A_DATABASE = 26

/**
 * Opens `file`, makes it when missing, and applies those of `migrations` that it has not seen. The process keeps
 * the file to itself until `close`. Throws `dependency.store_unreachable`, with a detail for the operator, when
 * another process has it, when it is no store, or when a newer version of the program made it.
 */
export function openDatabase(file: string, migrations: readonly string[], busyMs: number): DatabaseSync {
  let database: DatabaseSync | undefined
  try {
    mkdirSync(dirname(file), { recursive: true })
    // Made here first, so that no one else may read it; SQLite gives its side files the same mode.
    closeSync(openSync(file, 'a', 0o600))
    database = new DatabaseSync(file, { timeout: busyMs })
    // Exclusive: the first write takes the lock and keeps it, so a second process fails at once and for good,
    // rather than now and then under load. It ends with the process, however that ends.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    migrate(database, migrations)
    return database
  } catch (error) {
    if (database?.isOpen) database.close()
    throw explain(error, file)
  }
}

/** What `work` returns, run as one transaction: all of it is on disk afterwards, or nothing. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

const flushAfterMs = 1000

/**
 * Transactions that do not wait for the disk: when `run` returns, what it wrote outlives the process. It is flushed within
 * a second, with the next that `inTransaction` makes, or when the database is closed; a loss of power before that takes it.
 */
export class UnhurriedTransactions {
  readonly #database: DatabaseSync
  readonly #log: string
  #timer: NodeJS.Timeout | undefined

  constructor(database: DatabaseSync, file: string) {
    this.#database = database
    this.#log = `${file}-wal`
  }

  run<T>(work: () => T): T {
    this.#database.exec('PRAGMA synchronous = NORMAL')
    try {
      return inTransaction(this.#database, work)
    } finally {
      if (this.#database.isOpen) this.#database.exec('PRAGMA synchronous = FULL')
      this.#timer ??= setTimeout(() => void this.#flush(), flushAfterMs).unref()
    }
  }

  /** To be called before the database is closed, which flushes everything. */
  stop(): void {
    clearTimeout(this.#timer)
  }

  /** Beside the event loop, which SQLite's own way to flush would hold up. What fails here the next transaction makes good. */
  async #flush(): Promise<void> {
    this.#timer = undefined
    const handle = await open(this.#log, 'r+').catch(() => undefined)
    await handle?.datasync().catch(() => undefined)
    await handle?.close()
  }
}

/** Turns what SQLite throws (disk full, closed, damaged) into `dependency.store_unreachable`. */
export async function answer<T>(work: () => T): Promise<T> {
  try {
    return work()
  } catch (error) {
    if (error instanceof SluiceError) throw error
    throw new SluiceError('dependency.store_unreachable', { cause: error })
  }
}

function migrate(database: DatabaseSync, migrations: readonly string[]): void {
  inTransaction(database, () => {
    database.exec('CREATE TABLE IF NOT EXISTS schema_version (version INTEGER PRIMARY KEY, applied_at_ms INTEGER NOT NULL) STRICT')
    const row = database.prepare('SELECT max(version) AS version FROM schema_version').get()
    const current = Number(row?.version ?? 0)
    if (current > migrations.length) {
      throw new SluiceError('dependency.store_unreachable', { detail: `it has schema version ${current}, this program knows ${migrations.length}: a newer version of the program made it` })
    }
    const record = database.prepare('INSERT INTO schema_version VALUES (?, ?)')
    for (const [index, migration] of migrations.entries()) {
      if (index < current) continue
      database.exec(migration)
      record.run(index + 1, Date.now())
    }
  })
}

function explain(error: unknown, file: string): SluiceError {
  const number = (error as { errcode?: number }).errcode
  return new SluiceError('dependency.store_unreachable', { detail: `the store ${file} cannot be opened: ${reason(number, error)}`, cause: error })
}

function reason(number: number | undefined, error: unknown): string {
  if (number === BUSY) return 'another process has it open; the embedded store allows one'
  if (number === NOT_A_DATABASE) return 'it is no SQLite database'
  return error instanceof Error ? error.message : String(error)
}
