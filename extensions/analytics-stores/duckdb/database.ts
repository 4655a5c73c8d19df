import { chmodSync, existsSync, mkdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api'
import { SluiceError } from '@sluice/errors'
import { SCHEMA_VERSION, tables } from './tables.ts'

/**
 * Files open in this process. DuckDB's own lock keeps other processes away, but not a second instance in the same one,
 * and two of them would overwrite each other.
 */
const openFiles = new Set<string>()

export interface Database {
  readonly connection: DuckDBConnection
  close(): void
}

export interface DatabaseOptions {
  readonly file: string
  readonly memoryLimitMb: number
  readonly threads: number
}

/** Throws `dependency.store_unreachable`, with a detail for the operator. DuckDB (about 100 MB) is loaded here, not before. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const file = resolve(options.file)
  if (openFiles.has(file)) throw new SluiceError('dependency.store_unreachable', { detail: `the store ${file} is open in this process already` })
  openFiles.add(file)
  let instance: DuckDBInstance | undefined
  try {
    instance = await openInstance(file, options)
    const connection = await instance.connect()
    await connection.run(tables)
    await checkVersion(connection)
    return asDatabase(file, instance, connection)
  } catch (error) {
    instance?.closeSync()
    openFiles.delete(file)
    throw explain(error, file)
  }
}

async function openInstance(file: string, { memoryLimitMb, threads }: DatabaseOptions): Promise<DuckDBInstance> {
  mkdirSync(dirname(file), { recursive: true })
  const isNew = !existsSync(file)
  const { DuckDBInstance } = await import('@duckdb/node-api')
  const instance = await DuckDBInstance.create(file, {
    threads: String(threads),
    memory_limit: `${memoryLimitMb}MB`,
    preserve_insertion_order: 'false',
    // The store needs no extension, so none is ever fetched or loaded.
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  })
  // Who called what, from where: for the service's eyes only.
  if (isNew) chmodSync(file, 0o600)
  return instance
}

async function checkVersion(connection: DuckDBConnection): Promise<void> {
  const reader = await connection.runAndReadAll('SELECT max(version) AS version FROM schema_version')
  const version = Number(reader.getRowObjectsJS()[0]?.version)
  if (version > SCHEMA_VERSION) throw new Error(`it has schema version ${version}, this program knows ${SCHEMA_VERSION}: a newer version of the program made it`)
}

function asDatabase(file: string, instance: DuckDBInstance, connection: DuckDBConnection): Database {
  let isOpen = true
  const close = () => {
    if (!isOpen) return
    isOpen = false
    connection.closeSync()
    instance.closeSync()
    openFiles.delete(file)
  }
  return { connection, close }
}

function explain(error: unknown, file: string): SluiceError {
  const message = error instanceof Error ? error.message : String(error)
  const isLocked = /could not set lock|being used by another process/i.test(message)
  const reason = isLocked ? 'another process has it open; the store allows one' : message.split('\n')[0]
  return new SluiceError('dependency.store_unreachable', { detail: `the store ${file} cannot be opened: ${reason}`, cause: error })
}
