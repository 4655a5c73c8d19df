/** Auth as an edge meets it on a local bus, doing what a test tells it. */
import { createHash } from 'node:crypto'
import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf'
import { busNamed } from '@sluice/buses'
import type { Bus, Subscription } from '@sluice/buses/bus'
import { announce, answer } from '@sluice/buses/rpc'
import { createSequencedPublisher, type SequencedPublisher } from '@sluice/buses/sequenced'
import { type ErrorCode, SluiceError } from '@sluice/errors'
import * as messages from '@sluice/proto/messages/auth'
import { subjects } from '@sluice/proto/subjects'
import type { Cleanup } from '@sluice/testkit'

const scope = 'default'

export interface ScriptedKey {
  consumer: string
  groups?: string[]
  expiresAtMs?: number
}

export class ScriptedAuth {
  readonly bus: Bus
  version = 0
  readonly log: MessageInitShape<typeof messages.CredentialChangeSchema>[] = []
  /** Revoked tokens as they stand, by name. */
  readonly revoked = new Map<string, { name: string; beforeMs: number; untilMs: number }>()
  /** The log no longer reaches back before this version. */
  firstKept = 1
  readonly keys = new Map<string, ScriptedKey>()
  /** By `username:password`. */
  readonly passwords = new Map<string, ScriptedKey>()
  readonly subjects = new Map<string, { consumer: string; groups: string[] }>()
  readonly keySets = new Map<string, object[]>()
  /** Opaque tokens that are active, with what their issuer says of them. */
  readonly opaque = new Map<string, { claims: object; ageMs?: number }>()
  /** What was asked, as `key sk_…`, `password …`, `subject …`, `keyset …`, `introspect …`, `changes …`, `revoked`. */
  readonly asked: string[] = []
  /** Answers wait for this. */
  hold: Promise<void> | undefined
  failWith: ErrorCode | undefined
  /** Runs between reading and answering, to have something happen in between. */
  betweenReadAndAnswer: (() => void) | undefined
  #subscriptions: Subscription[] = []
  #publisher: SequencedPublisher | undefined

  constructor(bus: Bus) {
    this.bus = bus
  }

  /** Answers from now on, as a new publisher of changes. */
  come(): void {
    const { bus } = this
    this.#subscriptions = [
      answer(bus, subjects.authKey(scope), { request: messages.ApiKeyRequestSchema, reply: messages.ApiKeyReplySchema }, ({ id, secret }) => this.#answer(`key ${id}`, () => this.#keyReply(`sk_${id}_${secret}`, id))),
      answer(bus, subjects.authPassword(scope), { request: messages.PasswordRequestSchema, reply: messages.PasswordReplySchema }, ({ username, password }) => this.#answer(`password ${username}`, () => this.#passwordReply(username, password))),
      answer(bus, subjects.authSubject(scope), { request: messages.SubjectRequestSchema, reply: messages.SubjectReplySchema }, ({ subject }) => this.#answer(`subject ${subject}`, () => this.#subjectReply(subject))),
      answer(bus, subjects.authKeySet(scope), { request: messages.KeySetRequestSchema, reply: messages.KeySetSchema }, ({ uri, unknownKid }) => this.#answer(`keyset ${uri} ${unknownKid}`.trim(), () => this.#keySet(uri))),
      answer(bus, subjects.authIntrospect(scope), { request: messages.IntrospectRequestSchema, reply: messages.IntrospectReplySchema }, ({ token, maxAgeMs }) => this.#answer(`introspect ${token} ${maxAgeMs}`, () => this.#introspectReply(token))),
      answer(bus, subjects.authChanges(scope), { request: messages.CredentialChangesRequestSchema, reply: messages.CredentialChangesReplySchema }, ({ afterVersion }) => this.#answer(`changes ${afterVersion}`, () => this.#changes(afterVersion))),
      answer(bus, subjects.tokenRevocations(scope), { request: messages.TokenRevocationsRequestSchema, reply: messages.TokenRevocationsReplySchema }, () => this.#answer('revoked', () => ({ revocations: [...this.revoked.values()], version: this.version }))),
    ]
    this.#publisher = createSequencedPublisher(bus, subjects.authChanged(scope), { beaconMs: 20 })
  }

  /** Gone: nobody answers. */
  leave(): void {
    for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe()
    this.#publisher?.stop()
    this.#publisher = undefined
  }

  /** Writes a change, and tells the edges unless it is to be lost. */
  change(change: { consumer?: string; credentialId?: string; subjects?: string[]; token?: { name: string; beforeMs: number; untilMs: number } }, options: { isLost?: boolean } = {}): number {
    const kind = change.credentialId === undefined ? messages.CredentialChangeKind.CONSUMER : messages.CredentialChangeKind.CREDENTIAL
    const full = { scope, kind, version: ++this.version, consumer: 'acme', ...change }
    this.log.push(full)
    if (options.isLost !== true) this.tell(full)
    return this.version
  }

  /** Revokes tokens, or lifts it with `beforeMs: 0`. */
  revoke(token: { name: string; beforeMs: number; untilMs: number }, options: { isLost?: boolean } = {}): number {
    this.revoked.set(token.name, token)
    return this.change({ consumer: '', credentialId: token.name, token }, options)
  }

  tell(change: MessageInitShape<typeof messages.CredentialChangeSchema>): void {
    this.#publisher?.publish(toBinary(messages.CredentialChangeSchema, create(messages.CredentialChangeSchema, change)))
  }

  tellKeySet(uri: string): void {
    announce(this.bus, subjects.authKeySetChanged(scope), messages.KeySetSchema, this.#keySet(uri))
  }

  count(what: string): number {
    return this.asked.filter((question) => question.startsWith(what)).length
  }

  async #answer<T>(question: string, read: () => T): Promise<T> {
    this.asked.push(question)
    if (this.failWith !== undefined) throw new SluiceError(this.failWith)
    const reply = read()
    this.betweenReadAndAnswer?.()
    await this.hold
    return reply
  }

  #keyReply(key: string, id: string): MessageInitShape<typeof messages.ApiKeyReplySchema> {
    const found = this.keys.get(key)
    const { version } = this
    if (found === undefined) return { outcome: messages.CredentialOutcome.INVALID, version }
    const { consumer, groups = [], expiresAtMs = 0 } = found
    return { outcome: messages.CredentialOutcome.VALID, consumer: { name: consumer, groups }, credentialId: id, expiresAtMs, version }
  }

  #passwordReply(username: string, password: string): MessageInitShape<typeof messages.PasswordReplySchema> {
    const found = this.passwords.get(`${username}:${password}`)
    const { version } = this
    if (found === undefined) return { outcome: messages.CredentialOutcome.INVALID, version }
    return { outcome: messages.CredentialOutcome.VALID, consumer: { name: found.consumer, groups: found.groups ?? [] }, credentialId: `usr-${username}`, version }
  }

  #subjectReply(subject: string): MessageInitShape<typeof messages.SubjectReplySchema> {
    const found = this.subjects.get(subject)
    const { version } = this
    return found === undefined ? { version } : { consumer: { name: found.consumer, groups: found.groups }, credentialId: `sub-${subject}`, version }
  }

  #introspectReply(token: string): MessageInitShape<typeof messages.IntrospectReplySchema> {
    const found = this.opaque.get(token)
    return found === undefined ? { active: false } : { active: true, claims: Buffer.from(JSON.stringify(found.claims)), ageMs: found.ageMs ?? 0 }
  }

  #keySet(uri: string): MessageInitShape<typeof messages.KeySetSchema> {
    const keys = this.keySets.get(uri)
    if (keys === undefined) throw new SluiceError('dependency.key_set_unavailable')
    const jwks = JSON.stringify({ keys })
    return { scope, uri, jwks: Buffer.from(jwks), digest: createHash('sha256').update(jwks).digest('hex'), fetchedAtMs: Date.now() }
  }

  #changes(afterVersion: number): MessageInitShape<typeof messages.CredentialChangesReplySchema> {
    const isIncomplete = afterVersion + 1 < this.firstKept || afterVersion > this.version
    const changes = isIncomplete ? [] : this.log.filter((change) => (change.version ?? 0) > afterVersion)
    return { headVersion: this.version, incomplete: isIncomplete, changes }
  }
}

/** Auth that answers, on a local bus of its own. */
export async function scriptedAuth(t: Cleanup): Promise<ScriptedAuth> {
  const bus = (await busNamed('local').load()).createLocalBus()
  const auth = new ScriptedAuth(bus)
  auth.come()
  t.after(async () => {
    auth.leave()
    await bus.drain()
  })
  return auth
}
