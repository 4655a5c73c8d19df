/** An exchange, and the parts of a policy, by hand: what the tests of policies stand on. Only tests import this file. */
import assert from 'node:assert/strict'
import { HeaderFields } from '@sluice/http'
import type { ClientCertificate, ClientFacts, Exchange, Identity, RequestFacts, RouteFacts } from './exchange.ts'
import type { ExternalAnswer, ExternalQuestion, ExternalRules, HookResult, IntrospectionRules, LimiterRules, LimitVerdict, LoginRules, Logins, OpenLimitRules, OpenVerdict, PolicyParts, QuotaReached, Refusal, SecretRules, SignatureRules, SignedText, TokenRules, UpstreamTokenRules, UpstreamTokens, Verdict } from './policy.ts'

export interface ExchangeChanges {
  readonly method?: string
  readonly path?: string
  readonly query?: string
  /** Flat `[name, value, …]`. */
  readonly headers?: readonly string[]
  readonly target?: string
  readonly declaredBytes?: number | undefined
  readonly client?: Partial<ClientFacts>
  readonly route?: Partial<RouteFacts>
  readonly parameters?: Readonly<Record<string, string>>
  readonly identity?: Identity
  readonly clientCertificate?: ClientCertificate | undefined
  /** Left out: it is too long. */
  readonly body?: string
}

export function exchangeOf(changes: ExchangeChanges = {}): Exchange {
  const path = changes.path ?? '/api/users/7'
  const query = changes.query ?? ''
  const request: RequestFacts = {
    method: changes.method ?? 'GET',
    path,
    query,
    host: 'api.example.com',
    headers: new HeaderFields([...(changes.headers ?? [])]),
    target: changes.target ?? (query === '' ? path : `${path}?${query}`),
    declaredBytes: 'declaredBytes' in changes ? changes.declaredBytes : 0,
  }
  return {
    requestId: 'made-by-the-edge',
    client: { address: '192.0.2.7', trusted: false, scheme: 'http', ...changes.client },
    request,
    response: undefined,
    parameters: changes.parameters ?? {},
    route: { name: 'get-user', template: '/api/users/{user_id}', methods: undefined, ...changes.route },
    identity: changes.identity,
    limits: [],
    responseFields: [],
    clientCertificate: changes.clientCertificate,
    readBody: () => Promise.resolve(changes.body === undefined ? undefined : Buffer.from(changes.body)),
    isOver: false,
  }
}

export function identityOf(changes: Partial<Identity> = {}): Identity {
  return { consumer: 'acme', groups: [], credential: 'k7f3', method: 'key-auth', claims: undefined, scopes: [], resolved: true, ...changes }
}

export interface AskedParts extends PolicyParts {
  /** What the policy asked for when it was compiled. */
  readonly asked: { tokens: TokenRules[]; introspection: IntrospectionRules[]; keys: SecretRules[]; passwords: SecretRules[]; signatures: SignatureRules[]; external: ExternalRules[]; logins: LoginRules[]; upstreamTokens: UpstreamTokenRules[]; limiters: LimiterRules[]; openLimits: OpenLimitRules[] }
  /** Credentials that were checked, and keys that were counted. */
  readonly seen: string[]
  /** Keys that were given back or left. */
  readonly returned: string[]
  /** What was told of quotas. */
  readonly reached: QuotaReached[]
  /** What verdicts took, and what was used in its place. */
  readonly settled: [taken: number, used: number][]
}

export interface PartsChanges {
  /** What a check of a token or key answers. */
  readonly verdict?: Verdict | ((credential: string, from: string | undefined) => Verdict | Promise<Verdict>)
  /** What a check of a signature answers. */
  readonly signature?: (signed: SignedText, from: string | undefined) => Verdict | Promise<Verdict>
  /** What the other server answers. */
  readonly external?: (question: ExternalQuestion, cacheKey: string) => ExternalAnswer | Promise<ExternalAnswer>
  /** What differs from logins that nobody answers, and sessions that go on. */
  readonly logins?: Partial<Logins>
  /** What differs from tokens for upstreams that nobody gives. */
  readonly upstreamTokens?: Partial<UpstreamTokens>
  /** Nothing is heard of revocations [false]. */
  readonly isBlind?: boolean
  /** What the clock says [0]. */
  readonly clock?: PolicyParts['clock']
  readonly take?: (key: string, cost: number, rules: LimiterRules) => LimitVerdict | Promise<LimitVerdict>
  readonly enter?: (key: string) => Promise<OpenVerdict>
  readonly place?: Partial<PolicyParts['place']>
  readonly compile?: PolicyParts['compile']
}

const admitted: LimitVerdict = { admitted: true, remaining: 1, resetMs: 1000, retryAfterMs: 0, waitMs: 0, decidedBy: 'counters' }

export function partsFor(type: string, changes: PartsChanges = {}): AskedParts {
  const asked: AskedParts['asked'] = { tokens: [], introspection: [], keys: [], passwords: [], signatures: [], external: [], logins: [], upstreamTokens: [], limiters: [], openLimits: [] }
  const seen: string[] = []
  const returned: string[] = []
  const settled: [number, number][] = []
  const reached: QuotaReached[] = []
  const check = (credential: string, from?: string): Verdict | Promise<Verdict> => {
    seen.push(credential)
    const { verdict = { outcome: 'invalid', reason: 'nobody knows it' } } = changes
    return typeof verdict === 'function' ? verdict(credential, from) : verdict
  }
  return {
    asked,
    seen,
    returned,
    settled,
    reached,
    clock: changes.clock ?? { now: () => 0, monotonic: () => 0 },
    logger: { warn: () => undefined, info: () => undefined },
    identity: {
      tokens: (rules) => (asked.tokens.push(rules), { check }),
      introspection: (rules) => (asked.introspection.push(rules), { check }),
      keys: (rules) => (asked.keys.push(rules), { check }),
      signatures: (rules) => (asked.signatures.push(rules), { check: (signed, from) => changes.signature?.(signed, from) ?? check(signed.base, from) }),
      external: (rules) => (asked.external.push(rules), { ask: (question, cacheKey) => changes.external?.(question, cacheKey) ?? { outcome: 'unavailable' }, identify: (subject) => check(subject) }),
      logins: (rules) => (asked.logins.push(rules), { ...noLogins, identify: (claims) => check(String(claims['sub'])), ...changes.logins }),
      upstreamTokens: (rules) => (asked.upstreamTokens.push(rules), { get: () => unreachable, renounce: () => undefined, ...changes.upstreamTokens }),
      isBlind: () => changes.isBlind === true,
      passwords: (rules) => (asked.passwords.push(rules), { check: (username, password, from) => check(`${username}:${password}`, from) }),
      names: () => ({ identify: (facts) => check(String(facts['sub'])) }),
    },
    quota: {
      limiter: (rules) => {
        asked.limiters.push(rules)
        return {
          take: (key, cost) => (seen.push(key), changes.take === undefined ? admitted : changes.take(key, cost, rules)),
          giveBack: (key) => void returned.push(key),
          settle: (_key, taken, used) => void settled.push([taken, used]),
        }
      },
      openLimit: (rules) => {
        asked.openLimits.push(rules)
        return {
          enter: (key) => (seen.push(key), changes.enter === undefined ? Promise.resolve({ admitted: true, counted: true, remaining: 1 }) : changes.enter(key)),
          leave: (key) => void returned.push(key),
        }
      },
      reached: (event) => void reached.push(event),
    },
    place: { level: 'route:get-user', type, name: type, ...changes.place },
    compile: changes.compile ?? (() => ({ onRequest: () => undefined })),
  }
}

const unreachable = { outcome: 'unavailable', code: 'dependency.auth_unreachable' } as const
const noLogins: Omit<Logins, 'identify'> = {
  endpoints: async () => unreachable,
  redeem: async () => unreachable,
  refresh: async () => unreachable,
  hasEnded: () => false,
  end: async () => false,
  endByIssuer: async () => unreachable,
}

/** Asserts that the walk ended with a refusal, and answers it. */
export async function refusalOf(result: HookResult | Promise<HookResult> | undefined): Promise<Refusal> {
  const decision = await result
  assert.ok(decision?.kind === 'refusal', `no refusal, but ${JSON.stringify(decision)}`)
  return decision
}

/** The values of a field in a flat list, whatever its spelling. */
export function fieldValues(flat: readonly string[] | undefined, name: string): string[] {
  return new HeaderFields([...(flat ?? [])]).getAll(name.toLowerCase())
}
