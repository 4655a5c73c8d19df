import type { AuditEntry, Commit, CommitOutcome, ConfigStore, KnownEdge, Revision, RevisionRecord, StoredEvent, StoreParts } from '../config-store.ts'
import { readSettings } from '../settings.ts'
import { appendAudit, listAudit } from './audit.ts'
import { readBody } from './bodies.ts'
import { appendEvent, listEvents } from './events.ts'
import { commit } from './commit.ts'
import { answer } from '@sluice/databases/answer'
import { Connection } from '@sluice/databases/cassandra-connection'
import { HeadTails } from '../head-tail.ts'
import { logSource } from './log-source.ts'
import { EPOCH_SIZE, RevisionLog } from './revision-log.ts'
import { schema, type CassandraSettings } from './schema.ts'

const DAY_SECONDS = 86_400
const MIGRATIONS = { store: 'config', folder: new URL('./migrations/', import.meta.url) }

export interface CassandraParts extends StoreParts {
  /** Revisions of one partition, for tests; one keyspace never sees two values. */
  readonly epochSize?: number
}

/**
 * The config store of a Cassandra keyspace, which is made when missing. Resolves when the first attempt to connect has
 * ended, or 10 s later; one that failed is repeated each second, and calls reject meanwhile. Throws `config.invalid`
 * for wrong settings.
 */
export async function createCassandraConfigStore(settings: CassandraSettings, parts: CassandraParts = {}): Promise<ConfigStore> {
  const { auditRetentionDays, edgeRetentionDays, eventRetentionDays, ...connectionSettings } = readSettings(schema, settings)
  const connection = new Connection(connectionSettings, MIGRATIONS, parts.onWarning ?? (() => {}))
  await connection.started()
  const ttl = { auditSeconds: auditRetentionDays * DAY_SECONDS, edgeSeconds: edgeRetentionDays * DAY_SECONDS, eventSeconds: eventRetentionDays * DAY_SECONDS }
  return new CassandraConfigStore(connection, new RevisionLog(connection, parts.epochSize ?? EPOCH_SIZE), ttl)
}

export { createCassandraConfigStore as create }

class CassandraConfigStore implements ConfigStore {
  readonly #connection: Connection
  readonly #log: RevisionLog
  readonly #ttl: { auditSeconds: number; edgeSeconds: number; eventSeconds: number }
  readonly #tails = new HeadTails()

  constructor(connection: Connection, log: RevisionLog, ttl: { auditSeconds: number; edgeSeconds: number; eventSeconds: number }) {
    this.#connection = connection
    this.#log = log
    this.#ttl = ttl
  }

  head(scope: string): Promise<RevisionRecord | undefined> {
    return answer(async () => (await this.#log.head(scope))?.record)
  }

  read(scope: string, revision: number): Promise<Revision | undefined> {
    return answer(async () => {
      const row = await this.#log.row(scope, revision)
      return row && { ...row.record, body: await readBody(this.#connection, row.record, row.parts) }
    })
  }

  list(scope: string, { before, limit }: { before?: number; limit: number }): Promise<RevisionRecord[]> {
    return answer(async () => {
      const start = before ?? ((await this.#log.head(scope))?.record.revision ?? 0) + 1
      return this.#log.before(scope, start, limit)
    })
  }

  lastFromFile(scope: string): Promise<RevisionRecord | undefined> {
    return answer(async () => {
      const revision = (await this.#log.head(scope))?.fileRevision ?? 0
      return revision === 0 ? undefined : (await this.#log.row(scope, revision))?.record
    })
  }

  commit(change: Commit): Promise<CommitOutcome> {
    return answer(async () => {
      const outcome = await commit(this.#connection, this.#log, change)
      if (outcome.outcome === 'committed') this.#tails.poke(change.scope)
      return outcome
    })
  }

  appendAudit(entry: AuditEntry): Promise<void> {
    return answer(() => appendAudit(this.#connection, entry, this.#ttl.auditSeconds))
  }

  listAudit(scope: string, { limit, beforeMs = Infinity }: { limit: number; beforeMs?: number }): Promise<AuditEntry[]> {
    return answer(() => listAudit(this.#connection, scope, limit, beforeMs))
  }

  appendEvent(event: StoredEvent): Promise<void> {
    return answer(() => appendEvent(this.#connection, event, this.#ttl.eventSeconds))
  }

  listEvents(scope: string, { limit }: { limit: number }): Promise<StoredEvent[]> {
    return answer(() => listEvents(this.#connection, scope, limit))
  }

  saveEdge(scope: string, { name, instance, lastHeartbeatMs }: KnownEdge): Promise<void> {
    const query = `INSERT INTO config_edge (scope, name, instance, last_heartbeat) VALUES (?, ?, ?, ?) USING TTL ${this.#ttl.edgeSeconds}`
    return answer(() => this.#connection.write(query, [scope, name, instance, new Date(lastHeartbeatMs)]))
  }

  removeEdge(scope: string, name: string): Promise<void> {
    return answer(() => this.#connection.write('DELETE FROM config_edge WHERE scope = ? AND name = ?', [scope, name]))
  }

  edges(scope: string): Promise<KnownEdge[]> {
    return answer(async () => {
      const rows = await this.#connection.readAll('SELECT name, instance, last_heartbeat FROM config_edge WHERE scope = ?', [scope])
      return rows.map((row) => ({ name: row.name, instance: row.instance, lastHeartbeatMs: (row.last_heartbeat as Date).getTime() }))
    })
  }

  watch(scope: string, onHead: (head: RevisionRecord) => void): { stop(): void } {
    return this.#tails.add(scope, logSource(this.#log, scope), onHead)
  }

  ping(): Promise<void> {
    return answer(() => this.#connection.write('SELECT version FROM schema_version WHERE store = ? LIMIT 1', [MIGRATIONS.store]))
  }

  /** A serial read needs the same replicas as a conditional write, in all datacenters together. */
  requireWritable(scope: string): Promise<void> {
    return answer(async () => void (await this.#log.head(scope, { serial: true })))
  }

  async close(): Promise<void> {
    this.#tails.stop()
    await this.#connection.close()
  }
}
