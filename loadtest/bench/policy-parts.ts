/** What the policies of W2 stand on, for one process without sockets: tokens, an auth that knows no consumers, counters here, a log. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { busNamed } from '@sluice/buses'
import { answer } from '@sluice/buses/rpc'
import { countersNamed } from '@sluice/counters'
import type { LogExporter } from '@sluice/log-exporters/log-exporter'
import type { IdentityPart, QuotaPart } from '@sluice/policies/policy'
import { CredentialChangesReplySchema, CredentialChangesRequestSchema, SubjectReplySchema, SubjectRequestSchema, TokenRevocationsReplySchema, TokenRevocationsRequestSchema } from '@sluice/proto/messages/auth'
import { subjects } from '@sluice/proto/subjects'
import { systemClock } from '@sluice/service-kit'
import { createVerifier } from '@sluice/verifier'
import { createIdentity } from '../../services/edge/src/identity/identity.ts'
import { createQuota } from '../../services/edge/src/quota/quota.ts'
import { openAccessLog } from '../../services/edge/src/telemetry/access-log.ts'
import { makeTokens, policiesWith } from './workloads.ts'

const scope = 'default'

export interface W2Parts {
  /** For the route. */
  readonly policies: readonly object[]
  /** Values of `Authorization`, for requests in turn. */
  readonly authorizations: readonly string[]
  readonly identity: IdentityPart
  readonly quota: QuotaPart
  readonly exporter: LogExporter | undefined
  stop(): Promise<void>
}

export async function policyParts(directory: string): Promise<W2Parts> {
  const { keySetFile, authorizations } = await makeTokens(directory)
  const bus = (await busNamed('local').load()).createLocalBus()
  answer(bus, subjects.authSubject(scope), { request: SubjectRequestSchema, reply: SubjectReplySchema }, () => ({}))
  answer(bus, subjects.authChanges(scope), { request: CredentialChangesRequestSchema, reply: CredentialChangesReplySchema }, () => ({}))
  answer(bus, subjects.tokenRevocations(scope), { request: TokenRevocationsRequestSchema, reply: TokenRevocationsReplySchema }, () => ({}))
  const counters = (await countersNamed('memory').load()).createMemoryCounters()
  const shared = { take: async (...asked: Parameters<typeof counters.take>) => counters.take(...asked), giveBack: counters.giveBack.bind(counters), charge: counters.charge.bind(counters) }
  const quota = createQuota({ shared, own: counters, openRequests: { enter: async () => ({ entered: true, open: 0 }), leave: () => undefined }, clock: systemClock, scope, workers: () => 1, onDegraded: () => undefined })
  const verifier = createVerifier()
  const identity = createIdentity({
    bus, scope, verifier, clock: systemClock, logger: { warn: console.error, info: () => undefined }, keySetDirectory: join(directory, 'keysets'), revokedTokenFile: join(directory, 'revoked.json'),
    limiter: (rules) => quota.limiter(rules),
  })
  await identity.start()
  return {
    policies: policiesWith(readFileSync(keySetFile, 'utf8')),
    authorizations: JSON.parse(readFileSync(authorizations, 'utf8')) as string[],
    identity: identity.part,
    quota,
    exporter: await openAccessLog({ file: join(directory, 'access.log'), rotateMb: 10_000, retentionDays: 1 }, { onError: console.error }),
    async stop() {
      await identity.stop()
      await verifier.close()
      await bus.drain()
    },
  }
}
