import type { Bus, Subscription } from '@sluice/buses/bus'
import { answer } from '@sluice/buses/rpc'
import {
  ApiKeyCreateReplySchema, ApiKeyCreateRequestSchema, ConsumerDeleteRequestSchema, ConsumerGetReplySchema, ConsumerGetRequestSchema,
  ConsumersListReplySchema, ConsumersListRequestSchema, ConsumersPutRequestSchema, CredentialDeleteRequestSchema, CredentialWriteReplySchema,
  TokenLiftRequestSchema, TokenRevocationsReplySchema, TokenRevocationsRequestSchema, TokenRevokeRequestSchema,
} from '@sluice/proto/messages/auth'
import { SluiceError } from '@sluice/errors'
import { subjects } from '@sluice/proto/subjects'
import { nameOfSubject, nameOfToken, type RevokedToken } from '@sluice/proto/token-names'

const scope = 'default'

interface Kept {
  name: string
  credentials: { apiKey?: { id: string }; jwtSubject?: string }[]
}

/** Auth as far as control asks it: the messages, with a map behind them. */
export class AuthDouble {
  readonly consumers = new Map<string, Kept>()
  /** Revoked tokens by name. */
  readonly revoked = new Map<string, { name: string; beforeMs: number; untilMs: number }>()
  version = 0
  /** Names in the order they were written. */
  readonly written: string[] = []
  readonly #subscriptions: Subscription[]

  constructor(bus: Bus) {
    this.#subscriptions = [
      answer(bus, subjects.consumersList(scope), { request: ConsumersListRequestSchema, reply: ConsumersListReplySchema }, ({ afterName, limit }) => {
        const behind = [...this.consumers.keys()].sort().filter((name) => name > afterName)
        const names = behind.slice(0, limit)
        return { consumersJson: names.map((name) => JSON.stringify(this.consumers.get(name))), more: behind.length > limit, version: this.version }
      }),
      answer(bus, subjects.consumerGet(scope), { request: ConsumerGetRequestSchema, reply: ConsumerGetReplySchema }, ({ name }) => {
        const found = this.consumers.get(name)
        return { consumerJson: found === undefined ? '' : JSON.stringify(found), version: this.version }
      }),
      answer(bus, subjects.consumersPut(scope), { request: ConsumersPutRequestSchema, reply: CredentialWriteReplySchema }, (request) => this.#put(request)),
      answer(bus, subjects.consumerDelete(scope), { request: ConsumerDeleteRequestSchema, reply: CredentialWriteReplySchema }, ({ name }) => this.#written(this.consumers.delete(name))),
      answer(bus, subjects.apiKeyCreate(scope), { request: ApiKeyCreateRequestSchema, reply: ApiKeyCreateReplySchema }, ({ consumer }) => this.#createKey(consumer)),
      answer(bus, subjects.credentialDelete(scope), { request: CredentialDeleteRequestSchema, reply: CredentialWriteReplySchema }, ({ consumer, credentialId }) => {
        const kept = this.consumers.get(consumer)
        const before = kept?.credentials.length ?? 0
        if (kept !== undefined) kept.credentials = kept.credentials.filter((credential) => credential.apiKey?.id !== credentialId)
        return this.#written(kept !== undefined && kept.credentials.length < before)
      }),
      answer(bus, subjects.tokenRevocations(scope), { request: TokenRevocationsRequestSchema, reply: TokenRevocationsReplySchema }, ({ afterName, limit }) => {
        const behind = [...this.revoked.values()].filter(({ name }) => name > afterName).sort((a, b) => (a.name < b.name ? -1 : 1))
        const revocations = behind.slice(0, limit)
        return { revocations, nextName: behind.length > limit ? revocations.at(-1)!.name : '', version: this.version }
      }),
      answer(bus, subjects.tokenRevoke(scope), { request: TokenRevokeRequestSchema, reply: CredentialWriteReplySchema }, (message) => {
        const { jti, issuedBeforeMs, untilMs } = message
        const name = nameOf(message)
        this.revoked.set(name, { name, beforeMs: jti === '' ? issuedBeforeMs - 1 : untilMs, untilMs })
        return this.#written(true)
      }),
      answer(bus, subjects.tokenLift(scope), { request: TokenLiftRequestSchema, reply: CredentialWriteReplySchema }, (message) => this.#written(this.revoked.delete(nameOf(message)))),
    ]
  }

  stop(): void {
    for (const subscription of this.#subscriptions) subscription.unsubscribe()
  }

  #put({ consumersJson, createOnly, keepUnnamedCredentials }: { consumersJson: string[]; createOnly: boolean; keepUnnamedCredentials: boolean }) {
    const wanted = consumersJson.map((json) => ({ credentials: [], ...(JSON.parse(json) as Partial<Kept> & { name: string }) }) as Kept)
    const existing = wanted.filter(({ name }) => this.consumers.has(name)).map(({ name }) => name)
    if (createOnly && existing.length > 0) return { existing }
    for (const consumer of wanted) {
      const kept = keepUnnamedCredentials ? (this.consumers.get(consumer.name)?.credentials ?? []) : []
      const named = new Set(consumer.credentials.map((credential) => JSON.stringify(credential)))
      consumer.credentials.push(...kept.filter((credential) => !named.has(JSON.stringify(credential))))
      this.consumers.set(consumer.name, consumer)
      this.written.push(consumer.name)
    }
    return this.#written(true)
  }

  #createKey(consumer: string) {
    const kept = this.consumers.get(consumer)
    if (kept === undefined) throw new SluiceError('config.not_found', { detail: `There is no consumer "${consumer}"` })
    const id = `k${++this.version}`
    kept.credentials.push({ apiKey: { id } })
    return { id, key: `sk_${id}_secret`, version: this.version }
  }

  #written(isDone: boolean): { version: number; missing: boolean } {
    if (isDone) this.version++
    return { version: this.version, missing: !isDone }
  }
}

function nameOf({ issuer, jti = '', subject = '' }: RevokedToken): string {
  return jti === '' ? nameOfSubject(issuer, subject) : nameOfToken(issuer, jti)
}
