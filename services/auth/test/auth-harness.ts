/** Auth over a bus and a store of its own, and the calls that edges and control make. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import { fromBinary } from '@bufbuild/protobuf'
import { busNamed } from '@sluice/buses'
import type { Bus } from '@sluice/buses/bus'
import { call } from '@sluice/buses/rpc'
import { subscribeSequenced } from '@sluice/buses/sequenced'
import { openCredentialStore, type CredentialStore } from '@sluice/credential-stores'
import * as messages from '@sluice/proto/messages/auth'
import { subjects } from '@sluice/proto/subjects'
import { createLogger, MetricsRegistry, systemClock, type Service } from '@sluice/service-kit'
import type { Cleanup } from '@sluice/testkit'
import type { Verifier } from '@sluice/verifier'
import { createAuth } from '../src/service.ts'

export const scope = 'default'

export async function openBus(t: Cleanup): Promise<Bus> {
  const bus = (await busNamed('local').load()).createLocalBus()
  t.after(() => bus.drain())
  return bus
}

export async function openStore(t: Cleanup): Promise<CredentialStore> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-auth-'))
  const store = await openCredentialStore('embedded', { directory })
  t.after(async () => {
    await store.close()
    await rm(directory, { recursive: true })
  })
  return store
}

export interface RunningAuth {
  readonly auth: Service
  readonly bus: Bus
  readonly store: CredentialStore
  readonly metrics: MetricsRegistry
  /** Lines of its log. */
  readonly log: string[]
  /** Changes as an edge hears them, in order. */
  readonly heard: messages.CredentialChange[]
  count(metric: string, ...labels: string[]): number
}

/** Auth as an edge meets it. `store` may be another one than the embedded, `bus` one that several instances share. */
export async function startAuth(t: Cleanup, given: { bus?: Bus; store?: CredentialStore; verifier?: Verifier } = {}): Promise<RunningAuth> {
  const bus = given.bus ?? (await openBus(t))
  const store = given.store ?? (await openStore(t))
  const log: string[] = []
  const logger = createLogger('auth', { level: 'debug', destination: { write: (line: string) => void log.push(line) } })
  const metrics = new MetricsRegistry()
  const heard: messages.CredentialChange[] = []
  const subscription = subscribeSequenced(bus, subjects.authChanged(scope), {
    onMessage: (body) => void heard.push(fromBinary(messages.CredentialChangeSchema, body)),
    onGap: () => {},
  })
  const auth = createAuth({ bus, scope, logger, clock: systemClock, metrics, store, ...(given.verifier !== undefined && { verifier: given.verifier }) })
  await auth.start()
  t.after(async () => {
    await auth.stop({ deadlineMs: 1000 })
    subscription.unsubscribe()
  })
  const count = (metric: string, ...labels: string[]) =>
    metrics.snapshot().find(({ name }) => name === metric)?.series.find(({ values }) => values.join() === labels.join())?.value ?? 0
  return { auth, bus, store, metrics, log, heard, count }
}

const ask =
  <Q extends DescMessage, A extends DescMessage>(subject: (scope: string) => string, request: Q, reply: A) =>
  (bus: Bus, message: MessageInitShape<Q>): Promise<MessageShape<A>> =>
    call(bus, subject(scope), { request, reply }, message, { timeoutMs: 20_000 })

/** The calls, each by its subject. */
export const asked = {
  key: ask(subjects.authKey, messages.ApiKeyRequestSchema, messages.ApiKeyReplySchema),
  password: ask(subjects.authPassword, messages.PasswordRequestSchema, messages.PasswordReplySchema),
  subject: ask(subjects.authSubject, messages.SubjectRequestSchema, messages.SubjectReplySchema),
  keySet: ask(subjects.authKeySet, messages.KeySetRequestSchema, messages.KeySetSchema),
  introspect: ask(subjects.authIntrospect, messages.IntrospectRequestSchema, messages.IntrospectReplySchema),
  endpoints: ask(subjects.authIssuerEndpoints, messages.IssuerEndpointsRequestSchema, messages.IssuerEndpointsReplySchema),
  login: ask(subjects.authLogin, messages.LoginRequestSchema, messages.LoginReplySchema),
  refresh: ask(subjects.authRefresh, messages.RefreshRequestSchema, messages.LoginReplySchema),
  session: ask(subjects.authSession, messages.SessionRequestSchema, messages.SessionReplySchema),
  endSession: ask(subjects.authSessionEnd, messages.SessionEndRequestSchema, messages.SessionEndReplySchema),
  logoutToken: ask(subjects.authLogoutToken, messages.LogoutTokenRequestSchema, messages.LogoutTokenReplySchema),
  upstreamToken: ask(subjects.authUpstreamToken, messages.UpstreamTokenRequestSchema, messages.UpstreamTokenReplySchema),
  changes: ask(subjects.authChanges, messages.CredentialChangesRequestSchema, messages.CredentialChangesReplySchema),
  revokedTokens: ask(subjects.tokenRevocations, messages.TokenRevocationsRequestSchema, messages.TokenRevocationsReplySchema),
  revokeToken: ask(subjects.tokenRevoke, messages.TokenRevokeRequestSchema, messages.CredentialWriteReplySchema),
  liftToken: ask(subjects.tokenLift, messages.TokenLiftRequestSchema, messages.CredentialWriteReplySchema),
  list: ask(subjects.consumersList, messages.ConsumersListRequestSchema, messages.ConsumersListReplySchema),
  get: ask(subjects.consumerGet, messages.ConsumerGetRequestSchema, messages.ConsumerGetReplySchema),
  put: ask(subjects.consumersPut, messages.ConsumersPutRequestSchema, messages.CredentialWriteReplySchema),
  delete: ask(subjects.consumerDelete, messages.ConsumerDeleteRequestSchema, messages.CredentialWriteReplySchema),
  createKey: ask(subjects.apiKeyCreate, messages.ApiKeyCreateRequestSchema, messages.ApiKeyCreateReplySchema),
  deleteCredential: ask(subjects.credentialDelete, messages.CredentialDeleteRequestSchema, messages.CredentialWriteReplySchema),
}

export const put = (bus: Bus, ...consumers: object[]) => asked.put(bus, { consumersJson: consumers.map((one) => JSON.stringify(one)) })

export async function getConsumer(bus: Bus, name: string): Promise<Record<string, unknown> | undefined> {
  const { consumerJson } = await asked.get(bus, { name })
  return consumerJson === '' ? undefined : (JSON.parse(consumerJson) as Record<string, unknown>)
}

/** `sk_<id>_<secret>` in its parts. */
export function partsOf(key: string): { id: string; secret: string } {
  const [, id = '', secret = ''] = /^sk_([a-z0-9]+)_(.+)$/.exec(key) ?? []
  return { id, secret }
}

/** A hash that is well formed and fits nothing. */
export const someHash = '$argon2id$v=19$m=19456,t=2,p=1$wlv0iVFFwjPPoLJNTRDGXA$ESlp4MC1LC7K+i2A/gTaNAthHxtTj91avtHxrpqgKhc'
