/**
 * The line of versions, and what each changed. One partition holds an epoch of it, with the head as a static column: a
 * write is one conditional batch that moves the head on and adds a row, so of two writers with the same head one wins.
 * A write belongs to the epoch of its first version and may run over that epoch's end; the first of an epoch is
 * conditional on there being no head in its partition.
 */
import type { types } from 'cassandra-driver'
import type { ChangeFacts } from '../consumer-changes.ts'
import type { CredentialChangeRecord } from '../credential-store.ts'
import type { Connection, Statement } from '@sluice/databases/cassandra-connection'

export interface LogSizes {
  /** Versions of one partition. Data written with one size cannot be read with another. */
  readonly epochSize: number
  readonly changesKept: number
}

export const LOG_SIZES: LogSizes = { epochSize: 8192, changesKept: 10_000 }

export interface Head {
  readonly version: number
  /** Where the last write stands; −1 when there is none. */
  readonly epoch: number
}

export interface LogEntry {
  /** The first version of the write, and the last. */
  readonly version: number
  readonly upto: number
  readonly changeId: string
  readonly changes: readonly ChangeFacts[]
}

const ENTRY = 'version, upto, change_id, changes'
const MAX_REMEMBERED_SCOPES = 10_000

export class ChangeLog {
  readonly #connection: Connection
  readonly #sizes: LogSizes
  /** The last epoch seen, where looking for the head begins: epochs only grow. */
  readonly #lastEpochs = new Map<string, number>()

  constructor(connection: Connection, sizes: LogSizes) {
    this.#connection = connection
    this.#sizes = sizes
  }

  /** `serial`: as it is now, not as the local datacenter has heard. */
  async head(scope: string, { serial = false } = {}): Promise<Head> {
    let epoch = this.#lastEpochs.get(scope) ?? 0
    let head: Head = { version: 0, epoch: -1 }
    for (;;) {
      const version = (await this.#statics(scope, epoch, serial)).head
      if (version === undefined) break
      head = { version, epoch }
      this.#remember(scope, epoch)
      if (this.#epochAfter(version) === epoch) break
      epoch = this.#epochAfter(version)
    }
    // An epoch that was seen is there, even where it has not reached the replicas asked now.
    return head.epoch === -1 && epoch > 0 && !serial ? this.head(scope, { serial: true }) : head
  }

  /** Adds a write if the head is `head`. Answers whether it did; throws when that is not known. */
  async append(scope: string, head: Head, entry: LogEntry): Promise<boolean> {
    const epoch = this.#epochAfter(head.version)
    const isFirst = epoch !== head.epoch
    const update: Statement = isFirst
      ? { query: 'UPDATE credential_log SET head = ?, previous = ? WHERE scope = ? AND epoch = ? IF head = NULL', params: [BigInt(entry.upto), head.epoch, scope, epoch] }
      : { query: 'UPDATE credential_log SET head = ? WHERE scope = ? AND epoch = ? IF head = ?', params: [BigInt(entry.upto), scope, epoch, BigInt(head.version)] }
    const insert: Statement = {
      query: 'INSERT INTO credential_log (scope, epoch, version, upto, change_id, changes) VALUES (?, ?, ?, ?, ?, ?)',
      params: [scope, epoch, BigInt(entry.version), BigInt(entry.upto), entry.changeId, JSON.stringify(entry.changes)],
    }
    return (await this.#connection.compareAndSet([update, insert])).wasApplied()
  }

  /** Whether the write that follows `head` is that of `changeId`; undefined when there is none yet. */
  async isNext(scope: string, head: Head, changeId: string): Promise<boolean | undefined> {
    const query = 'SELECT change_id FROM credential_log WHERE scope = ? AND epoch = ? AND version = ?'
    const result = await this.#connection.readSerial(query, [scope, this.#epochAfter(head.version), BigInt(head.version + 1)])
    const row = result.first()
    return row === null ? undefined : row.change_id === changeId
  }

  /** The writes from `version` (exclusive, the last of a write) on. Throws when they do not reach `head` without a gap. */
  async entries(scope: string, version: number, head: Head): Promise<LogEntry[]> {
    const entries: LogEntry[] = []
    for (let last = version; last < head.version; ) {
      // Another datacenter's writes can arrive late; what is missing is asked of all.
      const found = (await this.#following(scope, last, false)) ?? (await this.#following(scope, last, true))
      if (found === undefined) throw new Error(`the change ${last + 1} cannot be found`)
      entries.push(...found)
      last = found.at(-1)?.upto ?? last
    }
    return entries
  }

  /** The writes after `version`, up to the end of the epoch or a gap; undefined when the first is missing. */
  async #following(scope: string, version: number, serial: boolean): Promise<LogEntry[] | undefined> {
    const query = `SELECT ${ENTRY} FROM credential_log WHERE scope = ? AND epoch = ? AND version > ? ORDER BY version ASC`
    const params = [scope, this.#epochAfter(version), BigInt(version)]
    const rows = serial ? (await this.#connection.readSerial(query, params)).rows : await this.#connection.readAll(query, params)
    const entries = rows.map(entryOf)
    const gap = entries.findIndex((entry, index) => entry.version !== (entries[index - 1]?.upto ?? version) + 1)
    if (entries.length === 0 || gap === 0) return undefined
    return gap === -1 ? entries : entries.slice(0, gap)
  }

  /** Undefined when what follows `afterVersion` is trimmed, or was never given. */
  async changes(scope: string, afterVersion: number): Promise<CredentialChangeRecord[] | undefined> {
    const head = await this.head(scope)
    if (afterVersion >= head.version) return afterVersion === head.version ? [] : undefined
    const start = await this.#writeWith(scope, afterVersion + 1)
    if (start === undefined) return undefined
    const entries = await this.entries(scope, start - 1, head)
    const records = entries.flatMap((entry) => entry.changes.map((change, index) => ({ version: entry.version + index, ...change })))
    return records.filter((record) => record.version > afterVersion)
  }

  /** Lets go of epochs whose changes are all older than the last `changesKept`, back to one that was trimmed before. */
  async trim(scope: string, head: Head): Promise<void> {
    let { previous } = await this.#statics(scope, head.epoch, false)
    while (previous !== undefined && previous >= 0) {
      const epoch = await this.#statics(scope, previous, false)
      if (epoch.isTrimmed) return
      if (epoch.head !== undefined && epoch.head <= head.version - this.#sizes.changesKept) {
        await this.#connection.write('DELETE FROM credential_log WHERE scope = ? AND epoch = ? AND version > 0', [scope, previous])
      }
      previous = epoch.previous
    }
  }

  /** The first version of the write that has `version`. */
  async #writeWith(scope: string, version: number): Promise<number | undefined> {
    const query = `SELECT ${ENTRY} FROM credential_log WHERE scope = ? AND epoch = ? AND version <= ? LIMIT 1`
    for (let epoch = this.#epochAfter(version - 1); epoch >= 0; epoch--) {
      const row = (await this.#connection.read(query, [scope, epoch, BigInt(version)])).first()
      if (row) {
        const entry = entryOf(row)
        return entry.upto >= version ? entry.version : undefined
      }
      // Beyond a trimmed epoch there is nothing; one that was never written was run over by a write before it.
      if ((await this.#statics(scope, epoch, false)).isTrimmed) return undefined
    }
    return undefined
  }

  async #statics(scope: string, epoch: number, serial: boolean): Promise<{ head?: number; previous?: number; isTrimmed: boolean }> {
    const query = 'SELECT head, previous, version FROM credential_log WHERE scope = ? AND epoch = ? LIMIT 1'
    const row = (await (serial ? this.#connection.readSerial(query, [scope, epoch]) : this.#connection.read(query, [scope, epoch]))).first()
    if (!row || row.head === null) return { isTrimmed: false }
    return { head: Number(row.head), previous: Number(row.previous ?? -1), isTrimmed: row.version === null }
  }

  /** The epoch of a write that follows `version`. */
  #epochAfter(version: number): number {
    return Math.floor(version / this.#sizes.epochSize)
  }

  #remember(scope: string, epoch: number): void {
    if (this.#lastEpochs.size >= MAX_REMEMBERED_SCOPES) this.#lastEpochs.clear()
    this.#lastEpochs.set(scope, epoch)
  }
}

function entryOf(row: types.Row): LogEntry {
  return { version: Number(row.version), upto: Number(row.upto), changeId: row.change_id, changes: JSON.parse(row.changes) }
}
