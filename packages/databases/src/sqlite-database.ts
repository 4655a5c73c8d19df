/**
 * The SQLite file under an embedded store: opened by one process only, WAL so that a crash loses nothing that was
 * committed (`synchronous = FULL` syncs the log at each commit), its schema brought up to date step by step.
 */
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
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
 * Makes a database's transactions not wait for the disk: when `run` returns, what it wrote outlives the process. It is
 * flushed within a second, when `flushed` is asked for, or when the database is closed; a loss of power before that
 * takes it, and never a part of a transaction.
 */
export class UnhurriedTransactions {
  readonly #database: DatabaseSync
  readonly #log: string
  #handle: FileHandle | undefined
  #timer: NodeJS.Timeout | undefined
  #asked: { resolve(): void; reject(error: unknown): void }[] = []
  #flushing: Promise<void> | undefined

  constructor(database: DatabaseSync, file: string) {
    this.#database = database
    this.#log = `${file}-wal`
    database.exec('PRAGMA synchronous = NORMAL')
  }

  run<T>(work: () => T): T {
    try {
      return inTransaction(this.#database, work)
    } finally {
      this.#timer ??= setTimeout(() => void this.flushed().catch(() => undefined), flushAfterMs).unref()
    }
  }

  /**
   * Resolves when the disk has all that `run` has written until now; rejects when it does not take it. One flush is for
   * all who ask while the one before it runs.
   */
  flushed(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ resolve, reject })
      this.#flushing ??= this.#flushForAll()
    })
  }

  /** To be called before the database is closed, which flushes everything. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#flushing
    await this.#handle?.close()
    this.#handle = undefined
  }

  async #flushForAll(): Promise<void> {
    while (this.#asked.length > 0) {
      clearTimeout(this.#timer)
      this.#timer = undefined
      const asked = this.#asked.splice(0)
      try {
        await this.#flush()
        for (const { resolve } of asked) resolve()
      } catch (error) {
        for (const { reject } of asked) reject(error)
      }
    }
    // In the same turn as the look at who asks: nobody comes in between.
    this.#flushing = undefined
  }

  /** Beside the event loop, which SQLite's own way to flush would hold up. */
  async #flush(): Promise<void> {
    try {
      this.#handle ??= await this.#openLog()
      await this.#handle.datasync()
    } catch {
      // Once a flush has failed the next may succeed without having written anything: SQLite writes it all to the database itself.
      checkpoint(this.#database)
    }
  }

  /** SQLite makes the log anew each time that the database is opened: its name has to be on the disk as well. */
  async #openLog(): Promise<FileHandle> {
    const handle = await open(this.#log, 'r+')
    const directory = await open(dirname(this.#log), 'r')
    await directory.sync().finally(() => directory.close())
    return handle
  }
}

/** Everything in the write-ahead log is in the database afterwards, and on the disk. */
function checkpoint(database: DatabaseSync): void {
  const row = database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()
  if (Number(row?.busy) !== 0) throw new Error('the write-ahead log could not be written to the database')
}

/** Turns what SQLite throws (disk full, closed, damaged) into `dependency.store_unreachable`. */
export async function answer<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
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
