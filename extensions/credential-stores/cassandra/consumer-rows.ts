import { crc32 } from 'node:zlib'
import { types, type QueryOptions } from 'cassandra-driver'
import { SESSION_NAMES, TOKEN_NAMES, type Claim } from '../consumer-changes.ts'
import type { Revocation, RevocationsPage, StoredConsumer } from '../credential-store.ts'
import type { Connection } from '@sluice/databases/cassandra-connection'
import { forEach } from './in-turns.ts'
import type { Intent } from './intents.ts'

/** Partitions that hold the consumers of a scope: some tens of MB each with a million of them. */
const BUCKETS = 16
const { eachQuorum, quorum } = types.consistencies

/** Cassandra's codes (protocol v4 §9) for "not enough replicas there" and "not enough answered in time". */
const TOO_FEW = new Set([0x1000, 0x1100])

/**
 * The rows that lookups read. They follow the log: each is written with the version of its write as timestamp, where
 * the highest wins, so the same write may be done by several at once, again, or long after later ones.
 */
export class ConsumerRows {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** `everywhere`: by a quorum of all replicas, which misses nothing that a write did in another datacenter. */
  async consumer(scope: string, name: string, { everywhere = false } = {}): Promise<StoredConsumer | undefined> {
    const query = 'SELECT document FROM credential_consumer WHERE scope = ? AND bucket = ? AND name = ?'
    const row = (await this.#connection.read(query, [scope, bucketOf(name), name], reading(everywhere))).first()
    return row ? JSON.parse(row.document) : undefined
  }

  async ownerOf(scope: string, claim: Claim, { everywhere = false } = {}): Promise<string | undefined> {
    const query = 'SELECT consumer FROM credential_claim WHERE scope = ? AND kind = ? AND id = ?'
    const row = (await this.#connection.read(query, [scope, claim.kind, claim.id], reading(everywhere))).first()
    return row?.consumer ?? undefined
  }

  async revocations(scope: string, names: readonly string[], { everywhere = false } = {}): Promise<Revocation[]> {
    const found: Revocation[] = []
    await forEach(names, async (name) => {
      const query = 'SELECT before_ms, until_ms FROM credential_revocation WHERE scope = ? AND name = ?'
      const row = (await this.#connection.read(query, [scope, name], reading(everywhere))).first()
      if (row) found.push({ name, beforeMs: Number(row.before_ms), untilMs: Number(row.until_ms) })
    })
    return found
  }

  /** From their own partition, which is as long as auth lets it become. */
  async tokenRevocations(scope: string, after: string, limit: number): Promise<Revocation[]> {
    const query = 'SELECT name, before_ms, until_ms FROM credential_token_revocation WHERE scope = ? AND name > ? LIMIT ?'
    const rows = await this.#connection.readAll(query, [scope, after, limit])
    return rows.map((row) => ({ name: row.name, beforeMs: Number(row.before_ms), untilMs: Number(row.until_ms) }))
  }

  /** Each has a partition of its own: the whole table is gone through, which backups alone do. `after` is where Cassandra says it went on. */
  async sessionRevocations(scope: string, after: string | undefined, limit: number): Promise<RevocationsPage> {
    const query = 'SELECT scope, name, before_ms, until_ms FROM credential_revocation'
    const { rows, pageState } = await this.#connection.read(query, [], { fetchSize: limit, ...(after !== undefined && { pageState: after }) })
    const found = rows.filter((row) => row.scope === scope && row.name.startsWith(SESSION_NAMES.from))
    return { revocations: found.map((row) => ({ name: row.name, beforeMs: Number(row.before_ms), untilMs: Number(row.until_ms) })), next: pageState ?? undefined }
  }

  /** By name, from `after` (exclusive) on: the first of each bucket, merged. */
  async page(scope: string, after: string, limit: number): Promise<StoredConsumer[]> {
    const query = 'SELECT name, document FROM credential_consumer WHERE scope = ? AND bucket = ? AND name > ? LIMIT ?'
    const rows: types.Row[] = []
    await forEach(Array.from({ length: BUCKETS }, (_, bucket) => bucket), async (bucket) => {
      rows.push(...(await this.#connection.readAll(query, [scope, bucket, after, limit])))
    })
    // Cassandra orders text by its bytes, so the merge has to.
    const byBytes = (a: types.Row, b: types.Row) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name))
    return rows.toSorted(byBytes).slice(0, limit).map((row) => JSON.parse(row.document))
  }

  /**
   * Does what a write says. Taking away comes first: a reader that does not know of this write yet stops finding a
   * revoked credential before it can find a new one. What a consumer's document does not hold is never found, so its
   * row counts as taking away.
   */
  async apply(scope: string, version: number, { consumers, claimed, released, revocations = [] }: Intent): Promise<void> {
    const timestamp = BigInt(version)
    await forEach(consumers, async ([name, consumer]) => {
      const key = [scope, bucketOf(name), name]
      if (consumer) await this.#writeEverywhere('INSERT INTO credential_consumer (scope, bucket, name, document) VALUES (?, ?, ?, ?) USING TIMESTAMP ?', [...key, JSON.stringify(consumer), timestamp])
      else await this.#writeEverywhere('DELETE FROM credential_consumer USING TIMESTAMP ? WHERE scope = ? AND bucket = ? AND name = ?', [timestamp, ...key])
    })
    await forEach(revocations, async ({ name, beforeMs, untilMs }) => {
      const insert = (table: string) =>
        this.#writeEverywhere(`INSERT INTO ${table} (scope, name, before_ms, until_ms) VALUES (?, ?, ?, ?) USING TIMESTAMP ? AND TTL ?`, [scope, name, BigInt(beforeMs), BigInt(untilMs), timestamp, secondsLeft(untilMs)])
      await insert('credential_revocation')
      if (name.startsWith(TOKEN_NAMES.from)) await insert('credential_token_revocation')
    })
    await forEach(released, ({ kind, id }) => this.#writeEverywhere('DELETE FROM credential_claim USING TIMESTAMP ? WHERE scope = ? AND kind = ? AND id = ?', [timestamp, scope, kind, id]))
    await forEach(claimed, ({ kind, id, consumer }) =>
      this.#writeEverywhere('INSERT INTO credential_claim (scope, kind, id, consumer) VALUES (?, ?, ?, ?) USING TIMESTAMP ?', [scope, kind, id, consumer, timestamp]),
    )
  }

  /** The version up to which all is applied. */
  async applied(scope: string): Promise<number> {
    const row = (await this.#connection.read('SELECT version FROM credential_applied WHERE scope = ?', [scope])).first()
    return Number(row?.version ?? 0)
  }

  /** Only after `apply` of all writes up to there. */
  async setApplied(scope: string, version: number): Promise<void> {
    await this.#writeEverywhere('INSERT INTO credential_applied (scope, version) VALUES (?, ?) USING TIMESTAMP ?', [scope, BigInt(version), BigInt(version)])
  }

  /**
   * On a quorum of every datacenter, so that a revocation that was announced is known wherever an edge asks; when one
   * of them is cut off, on a quorum of all replicas.
   */
  async #writeEverywhere(query: string, params: readonly unknown[]): Promise<void> {
    try {
      await this.#connection.write(query, params, { consistency: eachQuorum })
    } catch (error) {
      if (!TOO_FEW.has(Number((error as { code?: unknown }).code))) throw error
      await this.#connection.write(query, params, { consistency: quorum })
    }
  }
}

/** A time to live; 0 would be none. */
function secondsLeft(untilMs: number): number {
  return Math.max(1, Math.ceil((untilMs - Date.now()) / 1000))
}

function reading(everywhere: boolean): QueryOptions {
  return everywhere ? { consistency: quorum } : {}
}

function bucketOf(name: string): number {
  return crc32(name) % BUCKETS
}
