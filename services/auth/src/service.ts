/** Consumers, credentials, key sets and revocations: kept here, looked up from here, and every change told to the edges. */
import { randomUUID } from 'node:crypto'
import { availableParallelism } from 'node:os'
import type { Subscription } from '@sluice/buses/bus'
import { announce, listen } from '@sluice/buses/rpc'
import * as messages from '@sluice/proto/messages/auth'
import { subjects } from '@sluice/proto/subjects'
import type { Health, Service } from '@sluice/service-kit'
import { createVerifier, type Verifier } from '@sluice/verifier'
import { ConsumerWrites } from './credentials/consumer-writes.ts'
import { SecretChecks } from './credentials/secret-checks.ts'
import { findKey, findPassword } from './credentials/stored-secrets.ts'
import { Answering } from './handlers/answering.ts'
import { answerChanges } from './handlers/changes.ts'
import { answerApiKeyCreate, answerConsumerDelete, answerConsumersPut, answerCredentialDelete } from './handlers/consumer-writes.ts'
import { answerConsumerGet, answerConsumersList } from './handlers/consumers.ts'
import { answerIntrospect } from './handlers/introspect.ts'
import { answerKeySet, keySetMessage } from './handlers/key-set.ts'
import { answerIssuerEndpoints, answerLogin, answerLogoutToken, answerRefresh } from './handlers/logins.ts'
import { answerSecret } from './handlers/secret.ts'
import { answerSession, answerSessionEnd } from './handlers/sessions.ts'
import { answerSubject } from './handlers/subject.ts'
import { answerTokenLift, answerTokenRevocations, answerTokenRevoke } from './handlers/token-revocations.ts'
import { answerUpstreamToken } from './handlers/upstream-token.ts'
import { countIntrospections } from './introspection/introspection-metrics.ts'
import { Introspections } from './introspection/introspections.ts'
import { KeySets } from './keysets/key-sets.ts'
import { countKeySets } from './keysets/key-set-metrics.ts'
import { countLogins } from './logins/login-metrics.ts'
import { Logins, refreshedMs } from './logins/logins.ts'
import { LogoutTokens } from './logins/logout-tokens.ts'
import { SharedRefreshes } from './logins/shared-refreshes.ts'
import type { AuthParts } from './parts.ts'
import { ChangeAnnouncer } from './revocations/change-announcer.ts'
import { SessionEnds } from './revocations/session-ends.ts'
import { TokenRevocations } from './revocations/token-revocations.ts'
import { StoreWatch } from './store-watch.ts'
import { countUpstreamTokens } from './upstream-tokens/upstream-token-metrics.ts'
import { UpstreamTokens } from './upstream-tokens/upstream-tokens.ts'

export type { AuthParts } from './parts.ts'

export function createAuth(parts: AuthParts): Service {
  return new Auth(parts)
}

class Auth implements Service {
  readonly #parts: AuthParts
  readonly #verifier: Verifier
  readonly #answering: Answering
  readonly #announcer: ChangeAnnouncer
  readonly #keySets: KeySets
  readonly #introspections: Introspections
  readonly #logins: Logins
  readonly #refreshes: SharedRefreshes
  readonly #instance = randomUUID()
  readonly #logoutTokens: LogoutTokens
  readonly #sessionEnds: SessionEnds
  readonly #tokenRevocations: TokenRevocations
  readonly #upstreamTokens: UpstreamTokens
  readonly #keys: SecretChecks
  readonly #passwords: SecretChecks
  readonly #writes: ConsumerWrites
  readonly #watch: StoreWatch
  #keySetsHeard: Subscription | undefined
  #isStarted = false

  constructor(parts: AuthParts) {
    const { bus, scope, metrics, store, clock } = parts
    this.#parts = parts
    this.#verifier = parts.verifier ?? createVerifier({ passwordThreads: Math.min(4, Math.max(1, availableParallelism() - 1)) })
    this.#answering = new Answering(parts)
    const announced = metrics.counter('sluice_auth_changes_announced_total', 'Changes to consumers and credentials told to the edges.').with()
    this.#announcer = new ChangeAnnouncer({ bus, scope, store, onAnnounced: () => announced.add(1), onMalformed: this.#answering.onMalformed })
    this.#keySets = new KeySets({ clock, ...countKeySets(parts, () => this.#keySets.size, (record) => announce(bus, subjects.authKeySetChanged(scope), messages.KeySetSchema, keySetMessage(scope, record))) })
    this.#introspections = new Introspections({ clock, ...countIntrospections(parts) })
    this.#logins = new Logins({ clock, ...countLogins(parts) })
    this.#refreshes = new SharedRefreshes({ bus, scope, store, instance: this.#instance, rememberedMs: refreshedMs, refresh: (request) => answerRefresh(this.#logins, request) })
    const keySet = async (uri: string, insecure: boolean, unknownKid: string) => (await this.#keySets.get({ uri, insecure, unknownKid })).jwks
    this.#logoutTokens = new LogoutTokens({ clock, verifier: this.#verifier, keySet })
    this.#upstreamTokens = new UpstreamTokens({ clock, ...countUpstreamTokens(parts) })
    this.#sessionEnds = new SessionEnds({ store, scope, clock, announcer: this.#announcer })
    this.#tokenRevocations = new TokenRevocations({ store, scope, clock, announcer: this.#announcer })
    this.#keys = new SecretChecks({ store, scope, clock, verifier: this.#verifier, find: findKey(store, scope), knownFirst: true })
    this.#passwords = new SecretChecks({ store, scope, clock, verifier: this.#verifier, find: findPassword(store, scope) })
    this.#writes = new ConsumerWrites({ store, scope, clock, verifier: this.#verifier, announcer: this.#announcer })
    this.#watch = new StoreWatch(store, parts.logger)
    const waiting = metrics.gauge('sluice_auth_password_queue', 'Argon2id checks that wait or run.').with()
    metrics.onCollect(() => waiting.set(this.#verifier.load().passwords))
  }

  async start(): Promise<void> {
    const { bus, scope } = this.#parts
    await this.#watch.start()
    for (const checks of [this.#keys, this.#passwords]) void checks.warm().catch(() => {}) // the first check that needs it tries again
    this.#keySetsHeard = listen(bus, subjects.authKeySetChanged(scope), messages.KeySetSchema, (message) => this.#adopt(message), { onMalformed: this.#answering.onMalformed })
    this.#answerEdges()
    this.#answerLogins()
    this.#answerControl()
    this.#keySets.start()
    await this.#announcer.start()
    this.#isStarted = true
  }

  async stop({ deadlineMs }: { deadlineMs: number }): Promise<void> {
    this.#isStarted = false
    await this.#answering.stop(deadlineMs)
    this.#keySetsHeard?.unsubscribe()
    this.#keySets.stop()
    this.#announcer.stop()
    this.#watch.stop()
    if (this.#parts.verifier === undefined) await this.#verifier.close()
  }

  health(): Health {
    const reasons: string[] = []
    if (!this.#isStarted) reasons.push('it is not started')
    if (this.#parts.bus.status !== 'connected') reasons.push('the bus cannot be reached')
    if (this.#watch.problem !== undefined) reasons.push(this.#watch.problem)
    return { ready: reasons.length === 0, reasons }
  }

  #answerEdges(): void {
    const { scope, store, metrics } = this.#parts
    const keyChecks = metrics.counter('sluice_auth_key_checks_total', 'API keys that edges asked about, by outcome.', ['outcome'])
    const passwordChecks = metrics.counter('sluice_auth_password_checks_total', 'Passwords that edges asked about, by outcome.', ['outcome'])
    const on = this.#answering
    on.on(subjects.authKey, { request: messages.ApiKeyRequestSchema, reply: messages.ApiKeyReplySchema }, ({ id, secret }) => answerSecret(this.#keys, keyChecks, id, secret))
    on.on(subjects.authPassword, { request: messages.PasswordRequestSchema, reply: messages.PasswordReplySchema }, ({ username, password }) => answerSecret(this.#passwords, passwordChecks, username, password))
    on.on(subjects.authSubject, { request: messages.SubjectRequestSchema, reply: messages.SubjectReplySchema }, (message) => answerSubject(store, scope, message))
    on.on(subjects.authKeySet, { request: messages.KeySetRequestSchema, reply: messages.KeySetSchema }, (message) => answerKeySet(this.#keySets, scope, message))
    on.on(subjects.authIntrospect, { request: messages.IntrospectRequestSchema, reply: messages.IntrospectReplySchema }, (message) => answerIntrospect(this.#introspections, message))
    on.on(subjects.authChanges, { request: messages.CredentialChangesRequestSchema, reply: messages.CredentialChangesReplySchema }, (message) => answerChanges(store, scope, message))
    on.on(subjects.tokenRevocations, { request: messages.TokenRevocationsRequestSchema, reply: messages.TokenRevocationsReplySchema }, (message) => answerTokenRevocations(this.#tokenRevocations, this.#sessionEnds, message))
  }

  #answerLogins(): void {
    const { clock } = this.#parts
    const on = this.#answering
    const reply = messages.LoginReplySchema
    on.on(subjects.authIssuerEndpoints, { request: messages.IssuerEndpointsRequestSchema, reply: messages.IssuerEndpointsReplySchema }, (message) => answerIssuerEndpoints(this.#logins, message))
    on.on(subjects.authLogin, { request: messages.LoginRequestSchema, reply }, (message) => answerLogin(this.#logins, message))
    on.on(subjects.authRefresh, { request: messages.RefreshRequestSchema, reply }, (message) => this.#refreshes.refresh(message))
    on.on((scope) => subjects.authRefreshAt(scope, this.#instance), { request: messages.RefreshRequestSchema, reply }, (message) => answerRefresh(this.#logins, message))
    on.on(subjects.authSession, { request: messages.SessionRequestSchema, reply: messages.SessionReplySchema }, (message) => answerSession(this.#sessionEnds, message))
    on.on(subjects.authSessionEnd, { request: messages.SessionEndRequestSchema, reply: messages.SessionEndReplySchema }, (message) => answerSessionEnd(this.#sessionEnds, message))
    const ending = { logins: this.#logins, logoutTokens: this.#logoutTokens, sessionEnds: this.#sessionEnds, clock }
    on.on(subjects.authUpstreamToken, { request: messages.UpstreamTokenRequestSchema, reply: messages.UpstreamTokenReplySchema }, (message) => answerUpstreamToken(this.#upstreamTokens, message))
    on.on(subjects.authLogoutToken, { request: messages.LogoutTokenRequestSchema, reply: messages.LogoutTokenReplySchema }, (message) => answerLogoutToken(ending, message))
  }

  #answerControl(): void {
    const { scope, store } = this.#parts
    const on = this.#answering
    const reply = messages.CredentialWriteReplySchema
    on.on(subjects.consumersList, { request: messages.ConsumersListRequestSchema, reply: messages.ConsumersListReplySchema }, (message) => answerConsumersList(store, scope, message))
    on.on(subjects.consumerGet, { request: messages.ConsumerGetRequestSchema, reply: messages.ConsumerGetReplySchema }, (message) => answerConsumerGet(store, scope, message))
    on.on(subjects.consumersPut, { request: messages.ConsumersPutRequestSchema, reply }, (message) => answerConsumersPut(this.#writes, message))
    on.on(subjects.consumerDelete, { request: messages.ConsumerDeleteRequestSchema, reply }, (message) => answerConsumerDelete(this.#writes, message))
    on.on(subjects.apiKeyCreate, { request: messages.ApiKeyCreateRequestSchema, reply: messages.ApiKeyCreateReplySchema }, (message) => answerApiKeyCreate(this.#writes, message))
    on.on(subjects.tokenRevoke, { request: messages.TokenRevokeRequestSchema, reply }, (message) => answerTokenRevoke(this.#tokenRevocations, message))
    on.on(subjects.tokenLift, { request: messages.TokenLiftRequestSchema, reply }, (message) => answerTokenLift(this.#tokenRevocations, message))
    on.on(subjects.credentialDelete, { request: messages.CredentialDeleteRequestSchema, reply }, (message) => answerCredentialDelete(this.#writes, message))
  }

  #adopt({ uri, jwks, digest, fetchedAtMs }: messages.KeySet): void {
    this.#keySets.adopt({ uri, jwks: Buffer.from(jwks).toString('utf8'), digest, fetchedAtMs })
  }
}
