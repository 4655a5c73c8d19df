/** Consumers and credentials as auth keeps them: read, compared and written over the bus. */
import type { Bus } from '@sluice/buses/bus'
import { SluiceError } from '@sluice/errors'
import { canonicalJson } from '@sluice/proto/config'
import {
  ApiKeyCreateReplySchema, ApiKeyCreateRequestSchema, ConsumerDeleteRequestSchema, ConsumerGetReplySchema, ConsumerGetRequestSchema,
  ConsumersListReplySchema, ConsumersListRequestSchema, ConsumersPutRequestSchema, CredentialChangesReplySchema, CredentialChangesRequestSchema, CredentialDeleteRequestSchema,
  CredentialWriteReplySchema,
} from '@sluice/proto/messages/auth'
import { subjects } from '@sluice/proto/subjects'
import { compareResources, type Difference } from '../revisions/differences.ts'
import type { Resource } from '../revisions/resources.ts'
import type { ConsumerInput } from '../validation/validate.ts'
import { callPeer, peers } from './peer-call.ts'

export interface ConsumersPage {
  readonly items: readonly Resource[]
  /** There are others behind these; a page may be shorter than asked, because a message holds so much. */
  readonly more: boolean
  readonly version: number
}

interface PutOptions {
  readonly createOnly: boolean
  /** Credentials that the API made stay although the resource does not name them. */
  readonly keepUnnamed: boolean
}

/** One message on the bus takes 1 MiB. */
const maxPartBytes = 512 * 1024
const parallelReads = 16

/** Every call throws `dependency.auth_unreachable` when auth is away. */
export class Consumers {
  readonly #bus: Bus
  readonly #scope: string

  constructor(bus: Bus, scope: string) {
    this.#bus = bus
    this.#scope = scope
  }

  /** By name, those after `afterName`. */
  async list(afterName: string, limit: number): Promise<ConsumersPage> {
    const types = { request: ConsumersListRequestSchema, reply: ConsumersListReplySchema }
    const reply = await callPeer(this.#bus, peers.auth, subjects.consumersList(this.#scope), types, { scope: this.#scope, afterName, limit })
    return { items: reply.consumersJson.map((json) => JSON.parse(json) as Resource), more: reply.more, version: reply.version }
  }

  /** All of them, in parts of 500. */
  async *all(): AsyncGenerator<Resource> {
    for (let after = '', isMore = true; isMore; ) {
      const { items, more } = await this.list(after, 500)
      yield* items
      after = items.at(-1)?.name ?? ''
      isMore = more
    }
  }

  async get(name: string): Promise<{ consumer: Resource | undefined; version: number }> {
    const types = { request: ConsumerGetRequestSchema, reply: ConsumerGetReplySchema }
    const { consumerJson, version } = await callPeer(this.#bus, peers.auth, subjects.consumerGet(this.#scope), types, { scope: this.#scope, name })
    return { consumer: consumerJson === '' ? undefined : (JSON.parse(consumerJson) as Resource), version }
  }

  /** Those of these names that there are. */
  async named(names: readonly string[]): Promise<Resource[]> {
    const found: Resource[] = []
    for (let start = 0; start < names.length; start += parallelReads) {
      const part = await Promise.all(names.slice(start, start + parallelReads).map((name) => this.get(name)))
      found.push(...part.flatMap(({ consumer }) => consumer ?? []))
    }
    return found
  }

  /** Names of those that changed after a version, and the version now; undefined names: auth does not know any more. */
  async changedSince(afterVersion: number): Promise<{ names: readonly string[] | undefined; version: number }> {
    const types = { request: CredentialChangesRequestSchema, reply: CredentialChangesReplySchema }
    const { changes, headVersion, incomplete } = await callPeer(this.#bus, peers.auth, subjects.authChanges(this.#scope), types, { scope: this.#scope, afterVersion })
    // What was revoked by a name of its own, a session or a token, belongs to no consumer.
    const names = new Set(changes.flatMap(({ consumer }) => (consumer === '' ? [] : consumer)))
    return { names: incomplete ? undefined : [...names], version: headVersion }
  }

  /** Adds or replaces; the version after the last. Throws `config.exists` when `createOnly` finds one. */
  async put(consumers: readonly ConsumerInput[], { createOnly, keepUnnamed }: PutOptions): Promise<number> {
    const types = { request: ConsumersPutRequestSchema, reply: CredentialWriteReplySchema }
    let version = 0
    for (const consumersJson of inParts(consumers)) {
      const message = { scope: this.#scope, consumersJson, createOnly, keepUnnamedCredentials: keepUnnamed }
      const reply = await callPeer(this.#bus, peers.auth, subjects.consumersPut(this.#scope), types, message)
      if (reply.existing.length > 0) throw new SluiceError('config.exists', { detail: `The consumer "${reply.existing.join('", "')}" exists; PUT replaces it` })
      version = reply.version
    }
    return version
  }

  /** The new version; throws `config.not_found`. */
  async delete(name: string): Promise<number> {
    const types = { request: ConsumerDeleteRequestSchema, reply: CredentialWriteReplySchema }
    const reply = await callPeer(this.#bus, peers.auth, subjects.consumerDelete(this.#scope), types, { scope: this.#scope, name })
    if (reply.missing) throw noConsumer(name)
    return reply.version
  }

  /** A new API key of the consumer; the key is told here and never again. `expiresAtMs` 0: never. */
  createKey(consumer: string, expiresAtMs: number): Promise<{ id: string; key: string; version: number }> {
    const types = { request: ApiKeyCreateRequestSchema, reply: ApiKeyCreateReplySchema }
    return callPeer(this.#bus, peers.auth, subjects.apiKeyCreate(this.#scope), types, { scope: this.#scope, consumer, expiresAtMs })
  }

  /** The new version; throws `config.not_found`. */
  async deleteCredential(consumer: string, credentialId: string): Promise<number> {
    const types = { request: CredentialDeleteRequestSchema, reply: CredentialWriteReplySchema }
    const reply = await callPeer(this.#bus, peers.auth, subjects.credentialDelete(this.#scope), types, { scope: this.#scope, consumer, credentialId })
    if (reply.missing) throw new SluiceError('config.not_found', { detail: `The consumer "${consumer}" has no credential "${credentialId}"` })
    return reply.version
  }

  /** What putting these would change; credentials that they do not name stay and are no difference. */
  async differences(consumers: readonly ConsumerInput[]): Promise<Difference[]> {
    const found: Difference[][] = []
    for (let start = 0; start < consumers.length; start += parallelReads) {
      found.push(...(await Promise.all(consumers.slice(start, start + parallelReads).map((consumer) => this.#difference(consumer)))))
    }
    return found.flat()
  }

  async #difference(consumer: ConsumerInput): Promise<Difference[]> {
    const { consumer: stored } = await this.get(consumer.name)
    const wanted = comparable(consumer)
    if (stored === undefined) return compareResources('consumers', [], [wanted])
    const known = comparable(stored as ConsumerInput)
    const named = new Set(wanted.credentials.map(canonicalJson))
    const credentials = known.credentials.filter((credential) => named.has(canonicalJson(credential)))
    return compareResources('consumers', [{ ...known, credentials }], [wanted])
  }
}

export function noConsumer(name: string): SluiceError {
  return new SluiceError('config.not_found', { detail: `There is no consumer "${name}"` })
}

/** With defaults in place and lists in one order, so that equal consumers are equal texts; what is stored may be of kinds unknown here. */
function comparable({ name, groups = [], plan, credentials = [], labels = {}, owner = '' }: ConsumerInput): Resource & { credentials: unknown[] } {
  const sorted = credentials.map(withPlainInstant).sort((a, b) => (canonicalJson(a) < canonicalJson(b) ? -1 : 1))
  return { name, groups: [...groups].sort(), ...(plan !== undefined && { plan }), labels, owner, credentials: sorted }
}

/** An instant has many spellings. */
function withPlainInstant(credential: NonNullable<ConsumerInput['credentials']>[number]): unknown {
  if (!('apiKey' in credential) || credential.apiKey.expiresAt === undefined) return credential
  return { apiKey: { ...credential.apiKey, expiresAt: new Date(credential.apiKey.expiresAt).toISOString() } }
}

function* inParts(consumers: readonly ConsumerInput[]): Generator<string[]> {
  let part: string[] = []
  let bytes = 0
  for (const consumer of consumers) {
    const json = JSON.stringify(consumer)
    const size = Buffer.byteLength(json)
    if (part.length > 0 && bytes + size > maxPartBytes) {
      yield part
      part = []
      bytes = 0
    }
    part.push(json)
    bytes += size
  }
  if (part.length > 0) yield part
}
