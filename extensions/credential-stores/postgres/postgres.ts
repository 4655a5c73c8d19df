import { answer } from '@sluice/databases/answer'
import { PostgresConnection, type Query } from '@sluice/databases/postgres-connection'
import { checkSize, claimKey, claimOf, claimsOf, planAddCredential, planDelete, planDeleteCredential, planPut, planRevoke, pageByName, SESSION_NAMES, TOKEN_NAMES, type Claim, type ClaimKind, type ConsumersChange } from '../consumer-changes.ts'
import type { ConsumersWrite, CredentialChangeRecord, CredentialStore, Revocation, RevocationsPage, StoredConsumer, StoredCredential, StoreParts } from '../credential-store.ts'
import { credentialOf } from '../find-credential.ts'
import { readSettings } from '../settings.ts'
import { schema, type PostgresSettings } from './schema.ts'
import { changeOf, consumerOf, revocationOf } from '../rows.ts'
import { statements } from './statements.ts'
import { write } from './writes.ts'

const MIGRATIONS = { store: 'credentials', folder: new URL('./migrations/', import.meta.url) }

/**
 * The credential store of a PostgreSQL database. Resolves when the first attempt to connect has ended, or 10 s later;
 * one that failed is repeated by the calls that follow, which reject meanwhile. Throws `config.invalid` for wrong settings.
 */
export async function createPostgresCredentialStore(settings: PostgresSettings, parts: StoreParts = {}): Promise<CredentialStore> {
  const { url, changesKept } = readSettings(schema, settings)
  const connection = new PostgresConnection(url, MIGRATIONS, parts.onWarning ?? (() => {}))
  await connection.started()
  return new PostgresCredentialStore(connection, changesKept, parts.clock ?? Date)
}

export { createPostgresCredentialStore as create }

class PostgresCredentialStore implements CredentialStore {
  readonly #connection: PostgresConnection
  readonly #query: Query
  readonly #changesKept: number
  readonly #clock: { now(): number }

  constructor(connection: PostgresConnection, changesKept: number, clock: { now(): number }) {
    this.#connection = connection
    this.#query = (text, values) => connection.query(text, values)
    this.#changesKept = changesKept
    this.#clock = clock
  }

  version(scope: string): Promise<number> {
    return answer(async () => Number((await this.#query(statements.version, [scope]))[0]?.version ?? 0))
  }

  consumer(scope: string, name: string): Promise<StoredConsumer | undefined> {
    return answer(() => readConsumer(this.#query, scope, name))
  }

  consumers(scope: string, { after = '', limit }: { after?: string; limit: number }): Promise<StoredConsumer[]> {
    return answer(async () => (await this.#query(statements.consumers, [scope, after, limit])).map(consumerOf))
  }

  putConsumers(scope: string, consumers: readonly StoredConsumer[], { createOnly }: { createOnly: boolean }): Promise<ConsumersWrite> {
    return answer(async () => {
      checkSize(consumers)
      const written = await write<ConsumersWrite>(this.#connection, scope, this.#changesKept, async (query) => {
        const stored = (await query(statements.consumersNamed, [scope, consumers.map(({ name }) => name)])).map(consumerOf)
        const owners = await readOwners(query, scope, claimsOf(consumers))
        const plan = planPut({ consumers, createOnly, stored: new Map(stored.map((consumer) => [consumer.name, consumer])), ownerOf: (claim) => owners.get(claimKey(claim)) })
        return plan.outcome === 'change' ? plan.change : { answer: plan }
      })
      return typeof written === 'number' ? { outcome: 'written', version: written } : written
    })
  }

  deleteConsumer(scope: string, name: string): Promise<number | undefined> {
    return this.#change(scope, name, async (consumer) => planDelete(consumer))
  }

  addCredential(scope: string, name: string, credential: StoredCredential): Promise<number | undefined> {
    return this.#change(scope, name, async (consumer, query) => {
      const claim = claimOf(credential)
      return planAddCredential(consumer, credential, (await readOwners(query, scope, [claim])).get(claimKey(claim)))
    })
  }

  deleteCredential(scope: string, name: string, credentialId: string): Promise<number | undefined> {
    return this.#change(scope, name, async (consumer) => planDeleteCredential(consumer, credentialId))
  }

  findApiKey(scope: string, id: string): ReturnType<CredentialStore['findApiKey']> {
    return answer(async () => credentialOf(await this.#owning(scope, 'apiKey', id), 'apiKey', id))
  }

  findSubject(scope: string, subject: string): ReturnType<CredentialStore['findSubject']> {
    return answer(async () => credentialOf(await this.#owning(scope, 'subject', subject), 'jwtSubject', subject))
  }

  findUsername(scope: string, username: string): ReturnType<CredentialStore['findUsername']> {
    return answer(async () => credentialOf(await this.#owning(scope, 'username', username), 'basic', username))
  }

  revoke(scope: string, revocations: readonly Revocation[]): Promise<number> {
    return answer(() =>
      write<never>(this.#connection, scope, this.#changesKept, async (query) => {
        await query(statements.removeEnded, [scope, this.#clock.now()])
        return planRevoke(revocations, await readRevocations(query, scope, revocations.map(({ name }) => name)))
      }),
    )
  }

  revocations(scope: string, names: readonly string[]): Promise<Revocation[]> {
    return answer(() => readRevocations(this.#query, scope, names))
  }

  tokenRevocations(scope: string, { after = TOKEN_NAMES.from, limit }: { after?: string; limit: number }): Promise<Revocation[]> {
    return answer(async () => (await this.#query(statements.revocationsBetween, [scope, after, TOKEN_NAMES.to, limit])).map(revocationOf))
  }

  sessionRevocations(scope: string, { after = SESSION_NAMES.from, limit }: { after?: string; limit: number }): Promise<RevocationsPage> {
    return answer(async () => pageByName((await this.#query(statements.revocationsBetween, [scope, after, SESSION_NAMES.to, limit])).map(revocationOf), limit))
  }

  changes(scope: string, afterVersion: number): Promise<CredentialChangeRecord[] | undefined> {
    return answer(async () => {
      const rows = await this.#query(statements.changes, [scope, afterVersion])
      const head = Number(rows[0]?.head ?? 0)
      if (afterVersion >= head) return afterVersion === head ? [] : undefined
      const changes = rows.filter((row) => row.version !== null).map(changeOf)
      return changes[0]?.version === afterVersion + 1 ? changes : undefined
    })
  }

  lease(scope: string, name: string, holder: string, ms: number): Promise<string> {
    return answer(async () => {
      const now = this.#clock.now()
      const [row] = await this.#query(statements.lease, [scope, name, holder, now + ms, now])
      await this.#query(statements.removeLeases, [now])
      return String(row!.holder)
    })
  }

  async ping(): Promise<void> {
    await answer(() => this.#query(statements.ping))
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  /** The new version; undefined when there is no such consumer, or `plan` finds nothing to change. */
  #change(scope: string, name: string, plan: (consumer: StoredConsumer, query: Query) => Promise<ConsumersChange | undefined>): Promise<number | undefined> {
    return answer(() =>
      write<undefined>(this.#connection, scope, this.#changesKept, async (query) => {
        const consumer = await readConsumer(query, scope, name)
        return (consumer && (await plan(consumer, query))) ?? { answer: undefined }
      }),
    )
  }

  async #owning(scope: string, kind: ClaimKind, id: string): Promise<StoredConsumer | undefined> {
    const [row] = await this.#query(statements.owning, [scope, kind, id])
    return row && consumerOf(row)
  }
}

async function readConsumer(query: Query, scope: string, name: string): Promise<StoredConsumer | undefined> {
  const [row] = await query(statements.consumer, [scope, name])
  return row && consumerOf(row)
}

async function readRevocations(query: Query, scope: string, names: readonly string[]): Promise<Revocation[]> {
  return (await query(statements.revocations, [scope, names])).map(revocationOf)
}

/** Whose these claims are, by `claimKey`. */
async function readOwners(query: Query, scope: string, claims: readonly Claim[]): Promise<Map<string, string>> {
  const rows = await query(statements.owners, [scope, claims.map(({ kind }) => kind), claims.map(({ id }) => id)])
  return new Map(rows.map((row) => [claimKey({ kind: row.kind as ClaimKind, id: String(row.id) }), String(row.consumer)]))
}
