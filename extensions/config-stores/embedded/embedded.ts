import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { type AuditEntry, type Commit, type CommitOutcome, type ConfigStore, type KnownEdge, MAX_EVENTS, type Revision, type RevisionRecord, type StoredEvent, type StoreParts, type WrittenCommit } from '../config-store.ts'
import { HeadWatchers } from './head-watchers.ts'
import { readSettings } from '../settings.ts'
import { answer, inTransaction, openDatabase, UnhurriedTransactions } from '@sluice/databases/sqlite-database'
import { migrations } from './migrations.ts'
import { schema, type EmbeddedSettings } from './schema.ts'
import { auditEntryOf, edgeOf, eventOf, recordOf } from '../rows.ts'
import { prepareStatements, type Statements } from './statements.ts'

const DAY_MS = 86_400_000

/**
 * The config store of one SQLite file, open in this process alone until `close`. Calls are done when they return;
 * the promises are the contract's. Throws `config.invalid` for wrong settings and `dependency.store_unreachable`
 * when the file cannot be opened, such as when another process has it.
 */
export async function createEmbeddedConfigStore(settings: EmbeddedSettings, parts: StoreParts = {}): Promise<ConfigStore> {
  const { directory = '.', file = join(directory, 'config.sqlite'), busyMs, auditRetentionDays, edgeRetentionDays, eventRetentionDays } = readSettings(schema, settings)
  const now = () => (parts.clock ?? Date).now()
  const retention = { auditMs: auditRetentionDays * DAY_MS, edgeMs: edgeRetentionDays * DAY_MS, eventMs: eventRetentionDays * DAY_MS }
  const database = openDatabase(file, migrations, busyMs)
  return new EmbeddedConfigStore(database, new UnhurriedTransactions(database, file), now, retention)
}

export { createEmbeddedConfigStore as create }

class EmbeddedConfigStore implements ConfigStore {
  readonly #database: DatabaseSync
  readonly #unhurried: UnhurriedTransactions
  readonly #statements: Statements
  readonly #watchers = new HeadWatchers()
  /** Revisions whose flush is still under way, in order. */
  readonly #unkept: RevisionRecord[] = []
  readonly #now: () => number
  readonly #retention: { auditMs: number; edgeMs: number; eventMs: number }

  constructor(database: DatabaseSync, unhurried: UnhurriedTransactions, now: () => number, retention: { auditMs: number; edgeMs: number; eventMs: number }) {
    this.#database = database
    this.#unhurried = unhurried
    this.#statements = prepareStatements(database)
    this.#now = now
    this.#retention = retention
  }

  head(scope: string): Promise<RevisionRecord | undefined> {
    return answer(() => this.#keptHead(scope))
  }

  read(scope: string, revision: number): Promise<Revision | undefined> {
    return answer(() => {
      const row = this.#statements.record.get(scope, revision)
      const stored = this.#statements.body.get(scope, revision)
      return row && stored ? { ...recordOf(row), body: stored.body as Uint8Array } : undefined
    })
  }

  list(scope: string, { before = Number.MAX_SAFE_INTEGER, limit }: { before?: number; limit: number }): Promise<RevisionRecord[]> {
    return answer(() => this.#statements.list.all(scope, Math.min(before, this.#firstUnkept(scope)), limit).map(recordOf))
  }

  lastFromFile(scope: string): Promise<RevisionRecord | undefined> {
    return answer(() => {
      const row = this.#statements.lastFromFile.get(scope)
      return row && recordOf(row)
    })
  }

  async commit(commit: Commit): Promise<CommitOutcome> {
    const { outcome, kept } = await this.write(commit)
    await kept
    return outcome
  }

  /** The process goes on meanwhile: in the embedded mode it is the one that accepts connections. */
  write(commit: Commit): Promise<WrittenCommit> {
    return answer(() => {
      const { record, outcome } = this.#unhurried.run(() => this.#compareAndSet(commit))
      if (record !== undefined) this.#unkept.push(record)
      return { outcome, kept: this.#keep() }
    })
  }

  /** A flush for each would hold the process up as long as that of the change did. */
  appendAudit({ scope, atMs, actor, action, outcome }: AuditEntry): Promise<void> {
    return answer(() => {
      this.#unhurried.run(() => {
        this.#statements.insertAudit.run(scope, atMs, actor, action, outcome)
        this.#statements.trimAudit.run(this.#now() - this.#retention.auditMs)
      })
    })
  }

  listAudit(scope: string, { limit, beforeMs = Number.MAX_SAFE_INTEGER }: { limit: number; beforeMs?: number }): Promise<AuditEntry[]> {
    return answer(() => this.#statements.listAudit.all(scope, beforeMs, limit).map(auditEntryOf))
  }

  appendEvent({ scope, atMs, key, body }: StoredEvent): Promise<void> {
    return answer(() => {
      this.#unhurried.run(() => {
        this.#statements.insertEvent.run(scope, atMs, key, body)
        this.#statements.trimEvents.run(this.#now() - this.#retention.eventMs)
        this.#statements.trimEventsTo.run(scope, MAX_EVENTS - 1)
      })
      return this.#unhurried.flushed()
    })
  }

  listEvents(scope: string, { limit }: { limit: number }): Promise<StoredEvent[]> {
    return answer(() => this.#statements.listEvents.all(scope, limit).map(eventOf))
  }

  saveEdge(scope: string, { name, instance, lastHeartbeatMs }: KnownEdge): Promise<void> {
    return answer(() => {
      this.#unhurried.run(() => {
        this.#statements.saveEdge.run(scope, name, instance, lastHeartbeatMs)
        this.#statements.trimEdges.run(this.#oldestEdge())
      })
      return this.#unhurried.flushed()
    })
  }

  removeEdge(scope: string, name: string): Promise<void> {
    return answer(() => void this.#statements.removeEdge.run(scope, name))
  }

  edges(scope: string): Promise<KnownEdge[]> {
    return answer(() => this.#statements.edges.all(scope, this.#oldestEdge()).map(edgeOf))
  }

  watch(scope: string, onHead: (head: RevisionRecord) => void): { stop(): void } {
    const stop = this.#watchers.add(scope, onHead, this.#database.isOpen ? this.#keptHead(scope) : undefined)
    return { stop }
  }

  ping(): Promise<void> {
    return answer(() => void this.#statements.ping.get())
  }

  requireWritable(): Promise<void> {
    return answer(() => inTransaction(this.#database, () => void this.#statements.ping.get()))
  }

  async close(): Promise<void> {
    this.#watchers.clear()
    await this.#unhurried.stop()
    if (this.#database.isOpen) this.#database.close()
  }

  #head(scope: string): RevisionRecord | undefined {
    const row = this.#statements.head.get(scope)
    return row && recordOf(row)
  }

  #keptHead(scope: string): RevisionRecord | undefined {
    const row = this.#statements.list.get(scope, this.#firstUnkept(scope), 1)
    return row && recordOf(row)
  }

  #firstUnkept(scope: string): number {
    return this.#unkept.find((record) => record.scope === scope)?.revision ?? Number.MAX_SAFE_INTEGER
  }

  /** Flushes what has been written until now, and tells the watchers of it. */
  async #keep(): Promise<void> {
    const last = this.#unkept.at(-1)
    await answer(() => this.#unhurried.flushed())
    const count = last === undefined ? 0 : this.#unkept.indexOf(last) + 1
    for (const record of this.#unkept.splice(0, count)) this.#watchers.tell(record)
  }

  #oldestEdge(): number {
    return this.#now() - this.#retention.edgeMs
  }

  /** `record` only when this call added it. Runs inside a transaction. */
  #compareAndSet(commit: Commit): { outcome: CommitOutcome; record?: RevisionRecord } {
    const { body, expectedHead, ...facts } = commit
    const revision = expectedHead + 1
    const head = this.#head(commit.scope)?.revision ?? 0
    // A change made from a head can only ever have become the revision after it, so that is where a repeated one is.
    const there = this.#statements.record.get(commit.scope, revision)
    if (there?.change_id === commit.changeId) return { outcome: { outcome: 'committed', revision } }
    if (head !== expectedHead) return { outcome: { outcome: 'conflict', head } }
    const record: RevisionRecord = { ...facts, revision }
    this.#statements.insertRecord.run(
      record.scope, revision, record.digest, record.changeId, record.author,
      record.note, record.origin, record.fileDigest, record.committedAtMs,
    )
    this.#statements.insertBody.run(record.scope, revision, body)
    return { outcome: { outcome: 'committed', revision }, record }
  }
}
