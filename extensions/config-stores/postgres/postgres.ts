import { answer } from '@sluice/databases/answer'
import { SluiceError } from '@sluice/errors'
import { PostgresConnection, type Row } from '@sluice/databases/postgres-connection'
import { type AuditEntry, type Commit, type CommitOutcome, type ConfigStore, type KnownEdge, MAX_EVENTS, type Revision, type RevisionRecord, type StoredEvent, type StoreParts } from '../config-store.ts'
import { HeadTails } from '../head-tail.ts'
import { readSettings } from '../settings.ts'
import { commit } from './commit.ts'
import { schema, type PostgresSettings } from './schema.ts'
import { auditEntryOf, edgeOf, eventOf, recordOf } from '../rows.ts'
import { statements } from './statements.ts'

const DAY_MS = 86_400_000
const PAGE = 100
const MIGRATIONS = { store: 'config', folder: new URL('./migrations/', import.meta.url) }

/**
 * The config store of a PostgreSQL database. Resolves when the first attempt to connect has ended, or 10 s later; one
 * that failed is repeated by the calls that follow, which reject meanwhile. Throws `config.invalid` for wrong settings.
 */
export async function createPostgresConfigStore(settings: PostgresSettings, parts: StoreParts = {}): Promise<ConfigStore> {
  const { url, auditRetentionDays, edgeRetentionDays, eventRetentionDays } = readSettings(schema, settings)
  const connection = new PostgresConnection(url, MIGRATIONS, parts.onWarning ?? (() => {}))
  await connection.started()
  const now = () => (parts.clock ?? Date).now()
  return new PostgresConfigStore(connection, now, { auditMs: auditRetentionDays * DAY_MS, edgeMs: edgeRetentionDays * DAY_MS, eventMs: eventRetentionDays * DAY_MS })
}

export { createPostgresConfigStore as create }

class PostgresConfigStore implements ConfigStore {
  readonly #connection: PostgresConnection
  readonly #now: () => number
  readonly #retention: { auditMs: number; edgeMs: number; eventMs: number }
  readonly #tails = new HeadTails()

  constructor(connection: PostgresConnection, now: () => number, retention: { auditMs: number; edgeMs: number; eventMs: number }) {
    this.#connection = connection
    this.#now = now
    this.#retention = retention
  }

  head(scope: string): Promise<RevisionRecord | undefined> {
    return this.#one(recordOf, statements.head, [scope])
  }

  read(scope: string, revision: number): Promise<Revision | undefined> {
    return this.#one((row) => ({ ...recordOf(row), body: row.body as Uint8Array }), statements.revision, [scope, revision])
  }

  list(scope: string, { before = Number.MAX_SAFE_INTEGER, limit }: { before?: number; limit: number }): Promise<RevisionRecord[]> {
    return this.#all(recordOf, statements.before, [scope, before, limit])
  }

  lastFromFile(scope: string): Promise<RevisionRecord | undefined> {
    return this.#one(recordOf, statements.lastFromFile, [scope])
  }

  commit(change: Commit): Promise<CommitOutcome> {
    return answer(async () => {
      const outcome = await commit(this.#connection, change)
      if (outcome.outcome === 'committed') this.#tails.poke(change.scope)
      return outcome
    })
  }

  async appendAudit({ scope, atMs, actor, action, outcome }: AuditEntry): Promise<void> {
    await this.#all(Object, statements.appendAudit, [this.#now() - this.#retention.auditMs, scope, atMs, actor, action, outcome])
  }

  listAudit(scope: string, { limit, beforeMs = Infinity }: { limit: number; beforeMs?: number }): Promise<AuditEntry[]> {
    return this.#all(auditEntryOf, statements.listAudit, [scope, Math.min(beforeMs, Number.MAX_SAFE_INTEGER), limit])
  }

  async appendEvent({ scope, atMs, key, body }: StoredEvent): Promise<void> {
    await this.#all(Object, statements.appendEvent, [this.#now() - this.#retention.eventMs, scope, atMs, key, body, MAX_EVENTS - 1])
  }

  listEvents(scope: string, { limit }: { limit: number }): Promise<StoredEvent[]> {
    return this.#all(eventOf, statements.listEvents, [scope, limit])
  }

  async saveEdge(scope: string, { name, instance, lastHeartbeatMs }: KnownEdge): Promise<void> {
    await this.#all(Object, statements.saveEdge, [this.#oldestEdge(), scope, name, instance, lastHeartbeatMs])
  }

  async removeEdge(scope: string, name: string): Promise<void> {
    await this.#all(Object, statements.removeEdge, [scope, name])
  }

  edges(scope: string): Promise<KnownEdge[]> {
    return this.#all(edgeOf, statements.edges, [scope, this.#oldestEdge()])
  }

  watch(scope: string, onHead: (head: RevisionRecord) => void): { stop(): void } {
    const source = {
      head: () => this.head(scope),
      after: (revision: number) => this.#all(recordOf, statements.after, [scope, revision, PAGE]),
    }
    return this.#tails.add(scope, source, onHead)
  }

  async ping(): Promise<void> {
    await this.#all(Object, statements.ping, [])
  }

  async requireWritable(): Promise<void> {
    const [isReadOnly] = await this.#all((row) => row.is_read_only === true, statements.isReadOnly, [])
    if (isReadOnly === true) throw new SluiceError('dependency.store_unreachable', { detail: 'The PostgreSQL server takes no writes' })
  }

  async close(): Promise<void> {
    this.#tails.stop()
    await this.#connection.close()
  }

  async #one<T>(read: (row: Row) => T, text: string, values: readonly unknown[]): Promise<T | undefined> {
    return (await this.#all(read, text, values))[0]
  }

  #all<T>(read: (row: Row) => T, text: string, values: readonly unknown[]): Promise<T[]> {
    return answer(async () => (await this.#connection.query(text, values)).map(read))
  }

  #oldestEdge(): number {
    return this.#now() - this.#retention.edgeMs
  }
}
