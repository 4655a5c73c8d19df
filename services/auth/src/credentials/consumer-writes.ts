/** Every write to consumers and credentials: into the store, then to the edges, then the answer. */
import type { CredentialStore, StoredConsumer } from '@sluice/credential-stores/credential-store'
import { SluiceError } from '@sluice/errors'
import type { Clock } from '@sluice/service-kit'
import type { Verifier } from '@sluice/verifier'
import type { ChangeAnnouncer } from '../revocations/change-announcer.ts'
import { newApiKey } from './api-key-text.ts'
import { isFull, readConsumer, toStored } from './consumer-resource.ts'

export interface ConsumerWritesParts {
  readonly store: CredentialStore
  readonly scope: string
  readonly verifier: Pick<Verifier, 'hashPassword'>
  readonly clock: Clock
  readonly announcer: Pick<ChangeAnnouncer, 'announceUpTo'>
}

export interface WriteOutcome {
  readonly version: number
  readonly missing: boolean
  readonly existing: readonly string[]
}

export interface PutOptions {
  readonly createOnly: boolean
  readonly keepUnnamedCredentials: boolean
}

export class ConsumerWrites {
  readonly #parts: ConsumerWritesParts
  /** One write at a time here: a replacement is worked out from what is stored. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(parts: ConsumerWritesParts) {
    this.#parts = parts
  }

  /** Adds or replaces consumers, all or none. Throws `config.invalid`, `config.exists` for what belongs to another consumer. */
  put(resources: readonly string[], options: PutOptions): Promise<WriteOutcome> {
    const consumers = resources.map(readConsumer)
    const twice = consumers.find((one, index) => consumers.findIndex((other) => other.name === one.name) !== index)
    if (twice !== undefined) throw new SluiceError('config.invalid', { detail: `consumer ${twice.name} stands there twice` })
    return this.#inTurn(async () => {
      const { store, scope, clock } = this.#parts
      const rules = { keepUnnamed: options.keepUnnamedCredentials, nowMs: clock.now() }
      const stored: StoredConsumer[] = []
      for (const consumer of consumers) stored.push(toStored(consumer, await store.consumer(scope, consumer.name), rules))
      const written = await store.putConsumers(scope, stored, { createOnly: options.createOnly })
      if (written.outcome === 'taken') throw new SluiceError('config.exists', { detail: written.detail })
      if (written.outcome === 'exists') return { version: await store.version(scope), missing: false, existing: written.names }
      return this.#done(written.version)
    })
  }

  delete(name: string): Promise<WriteOutcome> {
    const { store, scope } = this.#parts
    return this.#inTurn(async () => this.#done(await store.deleteConsumer(scope, name)))
  }

  /** A new API key, said this once. Throws `config.not_found` for a consumer that is not there, `config.invalid`. */
  async createApiKey(consumer: string, expiresAtMs: number): Promise<{ id: string; key: string; version: number }> {
    const { store, scope, clock, verifier } = this.#parts
    const isInstant = Number.isSafeInteger(expiresAtMs) && expiresAtMs >= 0
    if (!isInstant || (expiresAtMs !== 0 && expiresAtMs <= clock.now())) throw new SluiceError('config.invalid', { detail: 'expiresAt must be an instant in the future' })
    const { id, secret, key } = newApiKey()
    const hash = await verifier.hashPassword(secret)
    return this.#inTurn(async () => {
      const owner = await store.consumer(scope, consumer)
      if (owner !== undefined && isFull(owner)) throw new SluiceError('config.invalid', { detail: `consumer ${consumer} has as many credentials as it can have` })
      const credential = { kind: 'apiKey', id, hash, expiresAtMs, createdAtMs: clock.now() } as const
      const { version, missing } = await this.#done(await store.addCredential(scope, consumer, credential))
      if (missing) throw new SluiceError('config.not_found', { detail: `there is no consumer ${consumer}` })
      return { id, key, version }
    })
  }

  deleteCredential(consumer: string, credentialId: string): Promise<WriteOutcome> {
    const { store, scope } = this.#parts
    return this.#inTurn(async () => this.#done(await store.deleteCredential(scope, consumer, credentialId)))
  }

  /** The edges are told before the writer is: what was answered as revoked is on its way to be refused. */
  async #done(version: number | undefined): Promise<WriteOutcome> {
    const { store, scope, announcer } = this.#parts
    if (version === undefined) return { version: await store.version(scope), missing: true, existing: [] }
    await announcer.announceUpTo(version)
    return { version, missing: false, existing: [] }
  }

  #inTurn<T>(write: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(write)
    this.#last = turn.catch(() => {})
    return turn
  }
}
