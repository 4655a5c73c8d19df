// One running gateway for one data directory. The lock is SQLite's on a file that holds nothing: the system lets go of
// it however the process ends, which a file with a process id cannot promise (ids are used again; in a container the
// gateway is always the same one).
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

export interface DataLock {
  release(): void
}

/**
 * Takes the directory for this process; makes it (only its owner may enter) when it is missing. Throws an `Error` of one
 * line that names the directory, and the process that has it when that is known.
 */
export function lockDataDirectory(directory: string): DataLock {
  const holderFile = join(directory, 'lock.pid')
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const database = new DatabaseSync(join(directory, 'lock.sqlite'))
    takeOrClose(database)
    writeFileSync(holderFile, `${process.pid}\n`)
    return { release: () => database.close() }
  } catch (cause) {
    throw new Error(isBusy(cause) ? `the data directory ${directory} is in use by another sluice run${holder(holderFile)}; end that one, or choose another with --data-dir` : `the data directory ${directory} cannot be used: ${(cause as Error).message}`, { cause })
  }
}

function takeOrClose(database: DatabaseSync): void {
  try {
    database.exec('pragma busy_timeout = 0; pragma locking_mode = exclusive; begin exclusive')
  } catch (error) {
    database.close()
    throw error
  }
}

/** SQLITE_BUSY */
function isBusy(error: unknown): boolean {
  return (error as { errcode?: number }).errcode === 5
}

function holder(file: string): string {
  try {
    return ` (process ${Number(readFileSync(file, 'utf8'))})`
  } catch {
    return ''
  }
}
