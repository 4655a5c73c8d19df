/**
 * The file that window counts are kept in, a row a key. A count is worth less than a commit of the configuration:
 * `synchronous = NORMAL` survives the end of the process, and of the machine all but the last moments.
 */
import { closeSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { SluiceError } from '@sluice/errors'
import type { WindowState } from './window-counts.ts'

export interface KeptCount extends WindowState {
  readonly key: string
  readonly algorithm: string
  readonly windowMs: number
  /** When nothing of it counts any more. */
  readonly expiresAt: number
}

const corrupt = 11
const notADatabase = 26

export class CountFile {
  readonly #database: DatabaseSync
  readonly #select: StatementSync
  readonly #upsert: StatementSync
  readonly #delete: StatementSync
  readonly #deleteExpired: StatementSync

  constructor(database: DatabaseSync) {
    this.#database = database
    this.#select = database.prepare('SELECT * FROM counts WHERE key = ?')
    this.#upsert = database.prepare('INSERT OR REPLACE INTO counts (key, algorithm, windowMs, start, current, previous, expiresAt) VALUES (?, ?, ?, ?, ?, ?, ?)')
    this.#delete = database.prepare('DELETE FROM counts WHERE key = ?')
    this.#deleteExpired = database.prepare('DELETE FROM counts WHERE key IN (SELECT key FROM counts WHERE expiresAt <= ? LIMIT ?)')
  }

  read(key: string): KeptCount | undefined {
    return this.#select.get(key) as KeptCount | undefined
  }

  /** All of it, or nothing. */
  write(counts: readonly KeptCount[], gone: readonly string[]): void {
    this.#database.exec('BEGIN IMMEDIATE')
    try {
      for (const { key, algorithm, windowMs, start, current, previous, expiresAt } of counts) this.#upsert.run(key, algorithm, windowMs, start, current, previous, expiresAt)
      for (const key of gone) this.#delete.run(key)
      this.#database.exec('COMMIT')
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }

  /** Deletes `most` at once, so that nobody waits long. */
  deleteExpired(now: number, most: number): void {
    this.#deleteExpired.run(now, most)
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close()
  }
}

/**
 * Opens `file`, made when missing. One that is damaged is put aside as `<file>.damaged` and `onDamaged` is told: a
 * gateway that starts with whole quotas is worth more than one that does not. Throws `dependency.store_unreachable`
 * when it cannot be opened at all, such as when another process has it.
 */
export function openCountFile(file: string, onDamaged: (error: unknown) => void): CountFile {
  mkdirSync(dirname(file), { recursive: true })
  try {
    return open(file)
  } catch (error) {
    const { errcode } = error as { errcode?: number }
    if (errcode !== corrupt && errcode !== notADatabase) throw explain(file, error)
    onDamaged(error)
  }
  for (const side of ['-wal', '-shm']) rmSync(file + side, { force: true })
  renameSync(file, `${file}.damaged`)
  return open(file)
}

function open(file: string): CountFile {
  // Made here first, so that no one else may read it: keys hold addresses and names.
  closeSync(openSync(file, 'a', 0o600))
  const database = new DatabaseSync(file, { timeout: 1000 })
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
    database.exec('CREATE TABLE IF NOT EXISTS counts (key TEXT PRIMARY KEY, algorithm TEXT NOT NULL, windowMs REAL NOT NULL, start REAL NOT NULL, current REAL NOT NULL, previous REAL NOT NULL, expiresAt REAL NOT NULL) STRICT, WITHOUT ROWID')
    database.exec('CREATE INDEX IF NOT EXISTS expiry ON counts (expiresAt)')
    return new CountFile(database)
  } catch (error) {
    database.close()
    throw error
  }
}

function explain(file: string, cause: unknown): SluiceError {
  return new SluiceError('dependency.store_unreachable', { detail: `the counts in ${file} cannot be opened: ${(cause as Error).message}`, cause })
}
