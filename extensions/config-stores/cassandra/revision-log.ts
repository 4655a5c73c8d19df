/**
 * The line of revisions. One partition holds an epoch of them, with the head as a static column: a commit is one
 * conditional batch that sets the head and adds the row, so of two writers with the same head one wins. The first
 * commit of an epoch is conditional on there being no head in its partition, and asks first that the epoch before is
 * full; a full one is sealed, since every batch for it would need a head that is not there.
 */
import type { types } from 'cassandra-driver'
import type { RevisionRecord } from '../config-store.ts'
import type { Connection, Statement } from '@sluice/databases/cassandra-connection'

/** Revisions of one partition. Data written with one size cannot be read with another. */
export const EPOCH_SIZE = 8192
const RECORD = 'scope, rev, change_id, digest, author, note, origin, file_digest, committed_at'
const MAX_REMEMBERED_SCOPES = 10_000

/** A row of the log with what its partition says. */
export interface LogRow {
  readonly record: RevisionRecord
  /** Pieces of its body. */
  readonly parts: number
  /** The last revision from a file, up to the epoch's head; 0 when there is none. */
  readonly fileRevision: number
}

export class RevisionLog {
  readonly #connection: Connection
  readonly #epochSize: number
  /** The last epoch seen, where looking for the head begins: epochs only grow. */
  readonly #lastEpochs = new Map<string, number>()

  constructor(connection: Connection, epochSize: number) {
    this.#connection = connection
    this.#epochSize = epochSize
  }

  /** The head's row. `serial`: as it is now, not as the local datacenter has heard. */
  async head(scope: string, { serial = false } = {}): Promise<LogRow | undefined> {
    let epoch = this.#lastEpochs.get(scope) ?? 0
    let head: LogRow | undefined
    for (;;) {
      const newest = await this.#newestOf(scope, epoch, serial)
      if (newest === undefined) break
      head = newest
      this.#remember(scope, epoch)
      if (newest.record.revision < (epoch + 1) * this.#epochSize) break
      epoch++
    }
    // An epoch that was seen is there, even where it has not reached the replicas asked now.
    return head === undefined && epoch > 0 ? this.#newestOf(scope, epoch, true) : head
  }

  async row(scope: string, revision: number, { serial = false } = {}): Promise<LogRow | undefined> {
    const query = `SELECT ${RECORD}, parts, file_rev FROM config_log WHERE scope = ? AND epoch = ? AND rev = ?`
    const params = [scope, this.#epochOf(revision), BigInt(revision)]
    const result = await (serial ? this.#connection.readSerial(query, params) : this.#connection.read(query, params))
    return rowOf(result.first())
  }

  /** Upwards from `revision` (exclusive), within its successor's epoch. */
  async after(scope: string, revision: number, limit: number, { serial = false } = {}): Promise<RevisionRecord[]> {
    const query = `SELECT ${RECORD}, parts, file_rev FROM config_log WHERE scope = ? AND epoch = ? AND rev > ? ORDER BY rev ASC LIMIT ?`
    const params = [scope, this.#epochOf(revision + 1), BigInt(revision), limit]
    const result = await (serial ? this.#connection.readSerial(query, params) : this.#connection.read(query, params))
    return recordsOf(result.rows)
  }

  /** Downwards from `before` (exclusive). */
  async before(scope: string, before: number, limit: number): Promise<RevisionRecord[]> {
    const records: RevisionRecord[] = []
    for (let epoch = this.#epochOf(Math.max(before - 1, 1)); epoch >= 0 && records.length < limit; epoch--) {
      const query = `SELECT ${RECORD}, parts, file_rev FROM config_log WHERE scope = ? AND epoch = ? AND rev < ? LIMIT ?`
      records.push(...recordsOf(await this.#connection.readAll(query, [scope, epoch, BigInt(before), limit - records.length])))
    }
    return records
  }

  /**
   * What the epoch before that of `revision` must be for `revision` to be its epoch's first: undefined when
   * `revision` is not one, `'open'` when the epoch before is not full, its last revision from a file otherwise.
   */
  async epochBefore(scope: string, revision: number): Promise<'open' | number | undefined> {
    if (revision === 1 || this.#epochOf(revision) === this.#epochOf(revision - 1)) return undefined
    const options = [false, true]
    for (const serial of options) {
      const last = await this.#newestOf(scope, this.#epochOf(revision - 1), serial)
      if (last?.record.revision === revision - 1) return last.fileRevision
    }
    return 'open'
  }

  /**
   * Adds `record` if the head is the revision before it; `fileRevision` where the partition does not have the right
   * one. Answers whether it did. Throws when that is not known.
   */
  async append(record: RevisionRecord, parts: number, fileRevision: number | undefined): Promise<boolean> {
    const { scope, revision } = record
    const epoch = this.#epochOf(revision)
    const isFirst = revision === 1 || this.#epochOf(revision - 1) !== epoch
    const sets = fileRevision === undefined ? 'head = ?' : 'head = ?, file_rev = ?'
    const values = fileRevision === undefined ? [BigInt(revision)] : [BigInt(revision), BigInt(fileRevision)]
    const update: Statement = {
      query: `UPDATE config_log SET ${sets} WHERE scope = ? AND epoch = ? IF head = ${isFirst ? 'NULL' : '?'}`,
      params: [...values, scope, epoch, ...(isFirst ? [] : [BigInt(revision - 1)])],
    }
    const insert: Statement = {
      query: 'INSERT INTO config_log (scope, epoch, rev, change_id, digest, author, note, origin, file_digest, committed_at, parts) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      params: [scope, epoch, BigInt(revision), record.changeId, record.digest, record.author, record.note, record.origin, record.fileDigest, new Date(record.committedAtMs), parts],
    }
    return (await this.#connection.compareAndSet([update, insert])).wasApplied()
  }

  async #newestOf(scope: string, epoch: number, serial: boolean): Promise<LogRow | undefined> {
    const query = `SELECT ${RECORD}, parts, file_rev FROM config_log WHERE scope = ? AND epoch = ? LIMIT 1`
    const result = await (serial ? this.#connection.readSerial(query, [scope, epoch]) : this.#connection.read(query, [scope, epoch]))
    return rowOf(result.first())
  }

  #epochOf(revision: number): number {
    return Math.floor((revision - 1) / this.#epochSize)
  }

  #remember(scope: string, epoch: number): void {
    if (this.#lastEpochs.size >= MAX_REMEMBERED_SCOPES) this.#lastEpochs.clear()
    this.#lastEpochs.set(scope, epoch)
  }
}

function recordsOf(rows: readonly types.Row[]): RevisionRecord[] {
  return rows.flatMap((row) => rowOf(row)?.record ?? [])
}

function rowOf(row: types.Row | undefined): LogRow | undefined {
  if (!row || row.rev === null) return undefined
  const record: RevisionRecord = {
    scope: row.scope,
    revision: Number(row.rev),
    digest: row.digest,
    changeId: row.change_id,
    author: row.author,
    note: row.note,
    origin: row.origin,
    fileDigest: row.file_digest,
    committedAtMs: (row.committed_at as Date).getTime(),
  }
  return { record, parts: row.parts, fileRevision: Number(row.file_rev ?? 0) }
}
