import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { checkSize, claimOf, planAddCredential, planDelete, planDeleteCredential, planPut, planRevoke, pageByName, SESSION_NAMES, TOKEN_NAMES, type Claim, type ConsumersChange } from '../consumer-changes.ts'
import { credentialOf } from '../find-credential.ts'
import type { ConsumersWrite, CredentialChangeRecord, CredentialStore, Revocation, RevocationsPage, StoredConsumer, StoredCredential, StoreParts } from '../credential-store.ts'
import { changeOf, consumerOf, revocationOf } from '../rows.ts'
import { readSettings } from '../settings.ts'
import { answer, inTransaction, openDatabase } from '@sluice/databases/sqlite-database'
import { migrations } from './migrations.ts'
import { schema, type EmbeddedSettings } from './schema.ts'
import { prepareStatements, type Statements } from './statements.ts'

/**
 * The credential store of one SQLite file, open in this process alone until `close`. Calls are done when they return;
 * the promises are the contract's. Throws `config.invalid` for wrong settings and `dependency.store_unreachable`
 * when the file cannot be opened, such as when another process has it.
 */
export async function createEmbeddedCredentialStore(settings: EmbeddedSettings, parts: StoreParts = {}): Promise<CredentialStore> {
  const { directory = '.', file = join(directory, 'credentials.sqlite'), busyMs, changesKept } = readSettings(schema, settings)
  return new EmbeddedCredentialStore(openDatabase(file, migrations, busyMs), changesKept, parts.clock ?? Date)
}

export { createEmbeddedCredentialStore as create }

class EmbeddedCredentialStore implements CredentialStore {
  readonly #database: DatabaseSync
  readonly #statements: Statements
  readonly #changesKept: number
  readonly #clock: { now(): number }

  constructor(database: DatabaseSync, changesKept: number, clock: { now(): number }) {
    this.#database = database
    this.#statements = prepareStatements(database)
    this.#changesKept = changesKept
    this.#clock = clock
  }

  version(scope: string): Promise<number> {
    return answer(() => this.#version(scope))
  }

  consumer(scope: string, name: string): Promise<StoredConsumer | undefined> {
    return answer(() => this.#consumer(scope, name))
  }

  consumers(scope: string, { after = '', limit }: { after?: string; limit: number }): Promise<StoredConsumer[]> {
    return answer(() => this.#statements.consumers.all(scope, after, limit).map(consumerOf))
  }

  putConsumers(scope: string, consumers: readonly StoredConsumer[], { createOnly }: { createOnly: boolean }): Promise<ConsumersWrite> {
    return this.#write(() => {
      checkSize(consumers)
      const stored = new Map(consumers.flatMap(({ name }) => this.#consumer(scope, name) ?? []).map((consumer) => [consumer.name, consumer]))
      const plan = planPut({ consumers, createOnly, stored, ownerOf: (claim) => this.#ownerOf(scope, claim) })
      return plan.outcome === 'change' ? { outcome: 'written', version: this.#apply(scope, plan.change) } : plan
    })
  }

  deleteConsumer(scope: string, name: string): Promise<number | undefined> {
    return this.#change(scope, name, planDelete)
  }

  addCredential(scope: string, name: string, credential: StoredCredential): Promise<number | undefined> {
    return this.#change(scope, name, (consumer) => planAddCredential(consumer, credential, this.#ownerOf(scope, claimOf(credential))))
  }

  deleteCredential(scope: string, name: string, credentialId: string): Promise<number | undefined> {
    return this.#change(scope, name, (consumer) => planDeleteCredential(consumer, credentialId))
  }

  findApiKey(scope: string, id: string): ReturnType<CredentialStore['findApiKey']> {
    return answer(() => credentialOf(this.#owning(scope, { kind: 'apiKey', id }), 'apiKey', id))
  }

  findSubject(scope: string, subject: string): ReturnType<CredentialStore['findSubject']> {
    return answer(() => credentialOf(this.#owning(scope, { kind: 'subject', id: subject }), 'jwtSubject', subject))
  }

  findUsername(scope: string, username: string): ReturnType<CredentialStore['findUsername']> {
    return answer(() => credentialOf(this.#owning(scope, { kind: 'username', id: username }), 'basic', username))
  }

  revoke(scope: string, revocations: readonly Revocation[]): Promise<number> {
    return this.#write(() => {
      this.#statements.removeEnded.run(scope, this.#clock.now())
      return this.#apply(scope, planRevoke(revocations, this.#revocations(scope, revocations.map(({ name }) => name))))
    })
  }

  revocations(scope: string, names: readonly string[]): Promise<Revocation[]> {
    return answer(() => this.#revocations(scope, names))
  }

  tokenRevocations(scope: string, { after = TOKEN_NAMES.from, limit }: { after?: string; limit: number }): Promise<Revocation[]> {
    return answer(() => this.#statements.revocations.all(scope, after, TOKEN_NAMES.to, limit).map(revocationOf))
  }

  sessionRevocations(scope: string, { after = SESSION_NAMES.from, limit }: { after?: string; limit: number }): Promise<RevocationsPage> {
    return answer(() => pageByName(this.#statements.revocations.all(scope, after, SESSION_NAMES.to, limit).map(revocationOf), limit))
  }

  changes(scope: string, afterVersion: number): Promise<CredentialChangeRecord[] | undefined> {
    return answer(() => {
      const head = this.#version(scope)
      if (afterVersion >= head) return afterVersion === head ? [] : undefined
      const changes = this.#statements.changes.all(scope, afterVersion).map(changeOf)
      return changes[0]?.version === afterVersion + 1 ? changes : undefined
    })
  }

  lease(scope: string, name: string, holder: string, ms: number): Promise<string> {
    return this.#write(() => {
      const now = this.#clock.now()
      this.#statements.removeLeases.run(now)
      this.#statements.takeLease.run(scope, name, holder, now + ms)
      return String(this.#statements.leaseHolder.get(scope, name)?.holder)
    })
  }

  ping(): Promise<void> {
    return answer(() => void this.#statements.ping.get())
  }

  async close(): Promise<void> {
    if (this.#database.isOpen) this.#database.close()
  }

  #write<T>(work: () => T): Promise<T> {
    return answer(() => inTransaction(this.#database, work))
  }

  #change(scope: string, name: string, plan: (consumer: StoredConsumer) => ConsumersChange | undefined): Promise<number | undefined> {
    return this.#write(() => {
      const consumer = this.#consumer(scope, name)
      const change = consumer && plan(consumer)
      return change && this.#apply(scope, change)
    })
  }

  /** The scope's new version. Runs inside a transaction. */
  #apply(scope: string, { consumers, claimed, released, revocations = [], changes }: ConsumersChange): number {
    for (const { kind, id } of released) this.#statements.removeClaim.run(scope, kind, id)
    for (const { kind, id, consumer } of claimed) this.#statements.saveClaim.run(scope, kind, id, consumer)
    for (const [name, consumer] of consumers) {
      if (consumer) this.#statements.saveConsumer.run(scope, name, JSON.stringify(consumer))
      else this.#statements.removeConsumer.run(scope, name)
    }
    for (const { name, beforeMs, untilMs } of revocations) this.#statements.saveRevocation.run(scope, name, beforeMs, untilMs)
    let version = this.#version(scope)
    for (const change of changes) {
      this.#statements.appendChange.run(scope, ++version, change.kind, change.consumer, change.credentialId, JSON.stringify(change.subjects))
    }
    this.#statements.trimChanges.run(scope, version - this.#changesKept)
    return version
  }

  #version(scope: string): number {
    return Number(this.#statements.version.get(scope)?.version ?? 0)
  }

  #consumer(scope: string, name: string): StoredConsumer | undefined {
    const row = this.#statements.consumer.get(scope, name)
    return row && consumerOf(row)
  }

  #revocations(scope: string, names: readonly string[]): Revocation[] {
    return names.flatMap((name) => this.#statements.revocation.all(scope, name).map(revocationOf))
  }

  #ownerOf(scope: string, claim: Claim): string | undefined {
    const row = this.#statements.owner.get(scope, claim.kind, claim.id)
    return row && String(row.consumer)
  }

  #owning(scope: string, claim: Claim): StoredConsumer | undefined {
    const owner = this.#ownerOf(scope, claim)
    return owner === undefined ? undefined : this.#consumer(scope, owner)
  }
}
