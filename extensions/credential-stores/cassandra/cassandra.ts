import { checkSize, claimKey, claimOf, claimsOf, planAddCredential, planDelete, planDeleteCredential, planPut, planRevoke, TOKEN_NAMES, type Claim, type ConsumersChange } from '../consumer-changes.ts'
import type { ConsumersWrite, CredentialChangeRecord, CredentialStore, Revocation, RevocationsPage, StoredConsumer, StoredCredential, StoreParts } from '../credential-store.ts'
import { credentialOf } from '../find-credential.ts'
import { readSettings } from '../settings.ts'
import { ChangeLog, LOG_SIZES, type LogSizes } from './change-log.ts'
import { answer } from '@sluice/databases/answer'
import { Connection } from '@sluice/databases/cassandra-connection'
import { ConsumerRows } from './consumer-rows.ts'
import { forEach } from './in-turns.ts'
import { schema, type CassandraSettings } from './schema.ts'
import { Writer } from './writer.ts'

const MIGRATIONS = { store: 'credentials', folder: new URL('./migrations/', import.meta.url) }

export interface CassandraParts extends StoreParts {
  /** For tests; one keyspace never sees two values. */
  readonly logSizes?: LogSizes
}

/**
 * The credential store of a Cassandra keyspace, which is made when missing. Resolves when the first attempt to connect
 * has ended, or 10 s later; one that failed is repeated each second, and calls reject meanwhile. Throws
 * `config.invalid` for wrong settings.
 */
export async function createCassandraCredentialStore(settings: CassandraSettings, parts: CassandraParts = {}): Promise<CredentialStore> {
  const connection = new Connection(readSettings(schema, settings), MIGRATIONS, parts.onWarning ?? (() => {}))
  await connection.started()
  return new CassandraCredentialStore(connection, parts.logSizes ?? LOG_SIZES)
}

export { createCassandraCredentialStore as create }

class CassandraCredentialStore implements CredentialStore {
  readonly #connection: Connection
  readonly #log: ChangeLog
  readonly #rows: ConsumerRows
  readonly #writer: Writer

  constructor(connection: Connection, logSizes: LogSizes) {
    this.#connection = connection
    this.#log = new ChangeLog(connection, logSizes)
    this.#rows = new ConsumerRows(connection)
    this.#writer = new Writer(connection, this.#log, this.#rows)
  }

  version(scope: string): Promise<number> {
    return answer(async () => (await this.#log.head(scope)).version)
  }

  consumer(scope: string, name: string): Promise<StoredConsumer | undefined> {
    return answer(() => this.#caughtUp(scope, () => this.#rows.consumer(scope, name)))
  }

  consumers(scope: string, { after = '', limit }: { after?: string; limit: number }): Promise<StoredConsumer[]> {
    return answer(() => this.#caughtUp(scope, () => this.#rows.page(scope, after, limit)))
  }

  putConsumers(scope: string, consumers: readonly StoredConsumer[], { createOnly }: { createOnly: boolean }): Promise<ConsumersWrite> {
    return answer(async () => {
      checkSize(consumers)
      const result = await this.#writer.write<ConsumersWrite>(scope, async () => {
        const stored = await this.#stored(scope, consumers)
        const owners = await this.#owners(scope, claimsOf(consumers))
        const plan = planPut({ consumers, createOnly, stored, ownerOf: (claim) => owners.get(claimKey(claim)) })
        return plan.outcome === 'change' ? plan.change : { answer: plan }
      })
      return typeof result === 'number' ? { outcome: 'written', version: result } : result
    })
  }

  deleteConsumer(scope: string, name: string): Promise<number | undefined> {
    return this.#change(scope, name, async (consumer) => planDelete(consumer))
  }

  addCredential(scope: string, name: string, credential: StoredCredential): Promise<number | undefined> {
    return this.#change(scope, name, async (consumer) => planAddCredential(consumer, credential, await this.#rows.ownerOf(scope, claimOf(credential), { everywhere: true })))
  }

  deleteCredential(scope: string, name: string, credentialId: string): Promise<number | undefined> {
    return this.#change(scope, name, async (consumer) => planDeleteCredential(consumer, credentialId))
  }

  findApiKey(scope: string, id: string): ReturnType<CredentialStore['findApiKey']> {
    return answer(async () => credentialOf(await this.#owning(scope, { kind: 'apiKey', id }), 'apiKey', id))
  }

  findSubject(scope: string, subject: string): ReturnType<CredentialStore['findSubject']> {
    return answer(async () => credentialOf(await this.#owning(scope, { kind: 'subject', id: subject }), 'jwtSubject', subject))
  }

  findUsername(scope: string, username: string): ReturnType<CredentialStore['findUsername']> {
    return answer(async () => credentialOf(await this.#owning(scope, { kind: 'username', id: username }), 'basic', username))
  }

  revoke(scope: string, revocations: readonly Revocation[]): Promise<number> {
    const names = revocations.map(({ name }) => name)
    return answer(() => this.#writer.write<never>(scope, async () => planRevoke(revocations, await this.#rows.revocations(scope, names, { everywhere: true }))))
  }

  revocations(scope: string, names: readonly string[]): Promise<Revocation[]> {
    return answer(() => this.#caughtUp(scope, () => this.#rows.revocations(scope, names)))
  }

  tokenRevocations(scope: string, { after = TOKEN_NAMES.from, limit }: { after?: string; limit: number }): Promise<Revocation[]> {
    return answer(() => this.#caughtUp(scope, () => this.#rows.tokenRevocations(scope, after, limit)))
  }

  sessionRevocations(scope: string, { after, limit }: { after?: string; limit: number }): Promise<RevocationsPage> {
    return answer(() => this.#caughtUp(scope, () => this.#rows.sessionRevocations(scope, after, limit)))
  }

  changes(scope: string, afterVersion: number): Promise<CredentialChangeRecord[] | undefined> {
    return answer(() => this.#log.changes(scope, afterVersion))
  }

  lease(scope: string, name: string, holder: string, ms: number): Promise<string> {
    const ttl = Math.max(1, Math.ceil(ms / 1000))
    return answer(async () => {
      const query = `INSERT INTO credential_lease (scope, name, holder) VALUES (?, ?, ?) IF NOT EXISTS USING TTL ${ttl}`
      // What was there is answered; nothing when it is taken.
      const there: unknown = (await this.#connection.compareAndSet([{ query, params: [scope, name, holder] }])).first()?.['holder']
      return typeof there === 'string' ? there : holder
    })
  }

  ping(): Promise<void> {
    return answer(() => this.#connection.write('SELECT version FROM schema_version WHERE store = ? LIMIT 1', [MIGRATIONS.store]))
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  #change(scope: string, name: string, plan: (consumer: StoredConsumer) => Promise<ConsumersChange | undefined>): Promise<number | undefined> {
    return answer(() =>
      this.#writer.write<undefined>(scope, async () => {
        const consumer = await this.#rows.consumer(scope, name, { everywhere: true })
        return (consumer && (await plan(consumer))) ?? { answer: undefined }
      }),
    )
  }

  /** What `read` finds in rows that have all the log has. Asked at once and, if they had not, again: as a rule they have. */
  async #caughtUp<T>(scope: string, read: () => Promise<T>): Promise<T> {
    const [wasBehind, found] = await Promise.all([this.#writer.catchUp(scope), read()])
    return wasBehind ? read() : found
  }

  async #owning(scope: string, claim: Claim): Promise<StoredConsumer | undefined> {
    const owner = await this.#caughtUp(scope, () => this.#rows.ownerOf(scope, claim))
    return owner === undefined ? undefined : this.#rows.consumer(scope, owner)
  }

  async #stored(scope: string, consumers: readonly StoredConsumer[]): Promise<Map<string, StoredConsumer>> {
    const stored = new Map<string, StoredConsumer>()
    await forEach(new Set(consumers.map((consumer) => consumer.name)), async (name) => {
      const consumer = await this.#rows.consumer(scope, name, { everywhere: true })
      if (consumer) stored.set(name, consumer)
    })
    return stored
  }

  async #owners(scope: string, claims: readonly Claim[]): Promise<Map<string, string>> {
    const owners = new Map<string, string>()
    await forEach(claims, async (claim) => {
      const owner = await this.#rows.ownerOf(scope, claim, { everywhere: true })
      if (owner !== undefined) owners.set(claimKey(claim), owner)
    })
    return owners
  }
}
