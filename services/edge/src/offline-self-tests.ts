/**
 * The self-tests of a configuration as far as they can be answered without a gateway, for `sluice check`. Router and policies are a worker's; what auth
 * alone knows, such as whose a key is, nobody is asked: a test that comes to it is held to its route and no further.
 */
import { sourceOf } from '@sluice/errors'
import { catalogue as policyCatalogue } from '@sluice/policies'
import type { IdentityPart, LimitVerdict, QuotaPart } from '@sluice/policies/policy'
import { entitiesOf, lineOf, type RevisionDocumentInput, type SelfTest } from '@sluice/proto/config'
import { systemClock } from '@sluice/service-kit'
import { loadBalancers } from './balancer/load-balancers.ts'
import { UpstreamRegistry } from './balancer/upstream-registry.ts'
import { SnapshotCompiler } from './compile-snapshot.ts'
import { loadPolicies } from './policy-chain/compile-chain.ts'
import { SnapshotRefused } from './received-config.ts'
import { differenceOf, failureOf, type Outcome, trySelfTests } from './self-tests.ts'

export interface OfflineTrial {
  /** By their place in `selfTests`. */
  readonly failed: readonly { readonly index: number; readonly message: string }[]
  /** Names of those that a running gateway alone can answer to their end. */
  readonly unfinished: readonly string[]
  /** Why an edge would refuse the configuration before it comes to its self-tests. */
  readonly refusal: string | undefined
}

/** Tries the self-tests of a configuration that is valid. Opens nothing, asks nobody. */
export async function trySelfTestsOffline(document: RevisionDocumentInput): Promise<OfflineTrial> {
  const compiler = await createCompiler()
  await compiler.receive(entitiesOf(document).map(([key, value]) => lineOf(key, value)))
  try {
    const prepared = await compiler.prepare({ revision: 1, digest: '' })
    const { selfTests } = prepared.frame
    return { ...(await tryAll(selfTests, { tests: selfTests, snapshot: prepared.snapshot, lookAside: (look) => compiler.lookAside(prepared, look) })), refusal: undefined }
  } catch (error) {
    if (!(error instanceof SnapshotRefused)) throw error
    return { failed: [], unfinished: [], refusal: error.message }
  }
}

async function tryAll(tests: readonly SelfTest[], parts: Parameters<typeof trySelfTests>[0]): Promise<Omit<OfflineTrial, 'refusal'>> {
  const failed: { index: number; message: string }[] = []
  const unfinished: string[] = []
  for await (const [test, outcome] of trySelfTests(parts)) {
    const isCut = outcome !== undefined && isUnfinished(outcome)
    const wrong = isCut ? otherRoute(test, outcome) : differenceOf(test.expect, outcome)
    if (wrong !== undefined) failed.push({ index: tests.indexOf(test), message: failureOf(test, wrong) })
    else if (isCut) unfinished.push(test.name)
  }
  return { failed, unfinished }
}

/** Refused because nobody could be asked. */
function isUnfinished({ reason }: Outcome): boolean {
  return reason !== undefined && sourceOf(reason) === 'dependency'
}

function otherRoute({ expect }: SelfTest, { route }: Outcome): string | undefined {
  return expect.route === undefined || expect.route === route ? undefined : `expected route "${expect.route}", got route "${route}"`
}

async function createCompiler(): Promise<SnapshotCompiler> {
  const upstreams = new UpstreamRegistry(await loadBalancers())
  const policies = await loadPolicies(policyCatalogue.map(({ name }) => name))
  const logger = { warn: () => {}, info: () => {} }
  return new SnapshotCompiler({ policies, upstreams, policyParts: { clock: systemClock, logger, identity: nobodyKnown, quota: nothingCounted } })
}

const unavailable = { outcome: 'unavailable', code: 'dependency.auth_unreachable' } as const
const unasked = { check: () => unavailable }
const nobodyKnown: IdentityPart = {
  tokens: () => unasked,
  introspection: () => unasked,
  keys: () => unasked,
  passwords: () => unasked,
  signatures: () => unasked,
  external: () => ({ ask: () => ({ outcome: 'unavailable' }), identify: () => unavailable }),
  logins: () => ({
    endpoints: async () => unavailable,
    redeem: async () => unavailable,
    refresh: async () => unavailable,
    hasEnded: () => false,
    end: async () => false,
    endByIssuer: async () => unavailable,
    identify: () => unavailable,
  }),
  upstreamTokens: () => ({ get: () => unavailable, renounce: () => {} }),
  names: () => ({ identify: () => unavailable }),
  isBlind: () => false,
}

const admitted: LimitVerdict = { admitted: true, remaining: 0, resetMs: 0, retryAfterMs: 0, waitMs: 0, decidedBy: 'open' }
const nothingCounted: QuotaPart = {
  limiter: () => ({ take: () => admitted, giveBack: () => {}, settle: () => {} }),
  openLimit: () => ({ enter: async () => ({ admitted: true, counted: false, remaining: 0 }), leave: () => {} }),
  reached: () => {},
}
