/**
 * Who is calling: signed tokens are verified here, API keys and opaque tokens are asked of auth, and what was found out
 * is used until a change is heard. Nothing here waits for auth when it can do without.
 */
import { randomBytes } from 'node:crypto'
import type { Bus } from '@sluice/buses/bus'
import { SluiceError } from '@sluice/errors'
import type { ExternalRules, IdentityPart, IntrospectionRules, LoginRules, SecretRules, SignatureRules, TokenRules, UpstreamTokenRules } from '@sluice/policies/policy'
import { canonicalJson, digestOf } from '@sluice/proto/config'
import { oncePerMinute, type Clock } from '@sluice/service-kit'
import { fixedKeys, type KeySource, parseConfiguredKeys, parseKeySet, RecentMap, TokenMemory, type Verifier } from '@sluice/verifier'
import { ApiKeys } from './api-keys.ts'
import { ChangeFeed } from './change-feed.ts'
import { ConsumersBySubject } from './consumers-by-subject.ts'
import { ExternalChecks } from './external-checks.ts'
import { FailedAttempts, type FailedAttemptsParts } from './failed-attempts.ts'
import { FetchedKeySets, type KeySetAddress } from './fetched-key-sets.ts'
import { IntrospectedTokens } from './introspected-tokens.ts'
import { KnownChanges } from './known-changes.ts'
import { Logins } from './logins.ts'
import { Passwords } from './passwords.ts'
import type { Limits } from './remembered-answers.ts'
import { RevokedTokenFile } from './revoked-token-file.ts'
import { RevokedTokens } from './revoked-tokens.ts'
import { SessionChecks } from './session-checks.ts'
import { TokenIdentities } from './token-identities.ts'
import { SignedRequests } from './signed-requests.ts'
import { Tokens } from './tokens.ts'
import { UpstreamTokens } from './upstream-tokens.ts'

export interface IdentityParts {
  readonly bus: Bus
  readonly scope: string
  readonly verifier: Verifier
  readonly clock: Clock
  readonly logger: { warn(facts: object, message: string): void; info(facts: object, message: string): void }
  /** Where copies of key sets lie. */
  readonly keySetDirectory: string
  /** Where revoked tokens are kept over a restart. */
  readonly revokedTokenFile: string
  /** What failed attempts are counted with. */
  readonly limiter: FailedAttemptsParts['limiter']
  readonly onAttempt?: FailedAttemptsParts['onAttempt']
  /** For each question to auth [2000]. */
  readonly timeoutMs?: number
}

export interface EdgeIdentity {
  /** What policies are given. `tokens` throws `config.invalid` for keys that cannot be used. */
  readonly part: IdentityPart
  start(): Promise<void>
  stop(): Promise<void>
  /** The version up to which every change was heard, and what it changes forgotten. */
  credentialVersion(): number
  onCredentialVersion(listener: (version: number) => void): void
  /** Gets key sets before the first token needs them; never rejects, and takes no longer than a question to auth may. */
  warm(addresses: readonly KeySetAddress[]): Promise<void>
  /** Since when, on the clock's monotonic scale, a revocation may have gone unheard; undefined when none can have. */
  blindSince(): number | undefined
}

const maxRules = 1000
/** After which policies that say so no longer go by what is remembered. */
const blindMs = 30_000

export function createIdentity(parts: IdentityParts): EdgeIdentity {
  const { bus, scope, clock, logger, verifier, timeoutMs = 2000 } = parts
  const listeners: ((version: number) => void)[] = []
  const changes = new KnownChanges()
  const warn = oncePerMinute<unknown>((subject, times, error) => logger.warn({ subject, reason: String(error), times }, 'a message could not be read'), clock)
  const file = new RevokedTokenFile({ path: parts.revokedTokenFile, logger })
  const revoked = new RevokedTokens(clock, () => file.save(() => revoked.all()))
  const feed = new ChangeFeed({
    bus, scope, clock, changes, revoked, timeoutMs,
    onVersion: (version) => listeners.forEach((listener) => listener(version)),
    onMalformed: warn,
  })
  const keySets = new FetchedKeySets({ bus, scope, clock, logger, timeoutMs, directory: parts.keySetDirectory })
  const consumers = new ConsumersBySubject({ bus, scope, changes, clock, timeoutMs })
  const attempts = new FailedAttempts({ limiter: parts.limiter, clock, onAttempt: parts.onAttempt })
  const apiKeys = new ApiKeys({ bus, scope, attempts, changes, clock, timeoutMs })
  const passwords = new Passwords({ bus, scope, attempts, changes, clock, timeoutMs })
  const memory = new TokenMemory()
  const tokens = sharedByRules((rules: TokenRules) => new Tokens(rules, { keys: keysFor(rules, keySets), verifier, clock, memory, consumers, attempts, revoked }))
  const signatures = sharedByRules((rules: SignatureRules) => new SignedRequests(rules, { verifier, consumers, attempts, clock }))
  const external = sharedByRules((rules: ExternalRules) => new ExternalChecks(rules, { consumers, clock, logger }))
  const secret = randomBytes(32)
  const introspection = sharedByRules((rules: IntrospectionRules) => new IntrospectedTokens(rules, { bus, scope, attempts, changes, clock, consumers, revoked, secret }))
  const sessions = new SessionChecks({ bus, scope, changes, clock, timeoutMs })
  const logins = sharedByRules((rules: LoginRules) => new Logins(rules, { bus, scope, attempts, consumers, sessions, timeoutMs }))
  const upstreamTokens = sharedByRules((rules: UpstreamTokenRules) => new UpstreamTokens(rules, { bus, scope, clock, secret }))
  // Whoever has only begun to listen has missed nothing that it goes by.
  let startedAtMs = Infinity
  return {
    part: { isBlind: () => clock.monotonic() - Math.max(startedAtMs, feed.blindSince() ?? Infinity) >= blindMs, tokens, introspection, signatures, external, logins, upstreamTokens, keys: (rules) => keysUnder(apiKeys, rules), passwords: (rules) => passwordsUnder(passwords, rules), names: (method) => new TokenIdentities(consumers, ['sub'], method) },
    async start() {
      startedAtMs = clock.monotonic()
      revoked.restore(await file.read())
      feed.start()
      keySets.start()
      await verifier.warm()
    },
    async stop() {
      feed.stop()
      await Promise.all([keySets.stop(), file.stop()])
    },
    credentialVersion: () => feed.version,
    onCredentialVersion: (listener) => void listeners.push(listener),
    warm: (addresses) => keySets.warm(addresses),
    blindSince: () => feed.blindSince(),
  }
}

/** One checker for equal rules: each snapshot compiles its policies anew, and tokens seen before must stay so. */
function sharedByRules<R extends object, C>(make: (rules: R) => C): (rules: R) => C {
  const made = new RecentMap<C>(maxRules)
  return (rules) => {
    const key = digestOf(canonicalJson(rules))
    const known = made.get(key) ?? make(rules)
    made.set(key, known)
    return known
  }
}

function keysFor(rules: TokenRules, keySets: FetchedKeySets): KeySource {
  const { algorithms, jwksUri, jwks, keys, insecure } = rules
  if (keys !== undefined) return fixedKeys(parseConfiguredKeys(keys, algorithms))
  if (jwks !== undefined) return fixedKeys(parseKeySet(jwks, { algorithms, origin: 'local' }))
  if (jwksUri !== undefined) return keySets.source({ uri: jwksUri, insecure }, algorithms)
  throw new SluiceError('config.invalid', { detail: 'the rules name no keys' })
}

function keysUnder(apiKeys: ApiKeys, rules: SecretRules): ReturnType<IdentityPart['keys']> {
  const limits = limitsOf(rules)
  return { check: (key, from) => apiKeys.check(key, limits, from) }
}

function passwordsUnder(passwords: Passwords, rules: SecretRules): ReturnType<IdentityPart['passwords']> {
  const limits = limitsOf(rules)
  return { check: (username, password, from) => passwords.check(username, password, limits, from) }
}

function limitsOf({ cacheSeconds, staleSeconds }: SecretRules): Limits {
  return { freshMs: cacheSeconds * 1000, staleMs: staleSeconds * 1000 }
}
