/**
 * Where consumers and credentials are kept; only auth comes here. Every write gets the scope's next `version` and
 * leaves a change in the log, in one atomic step, so that edges can catch up on what to forget. A write of several
 * consumers takes a version for each and answers the last: the log is a line 1, 2, 3, …, one change a version.
 *
 * Within a consumer, `StoredCredential.id` names what `deleteCredential` removes, all that bears it; across a scope,
 * API key ids, user names and subjects each belong to one consumer.
 */
export interface StoredConsumer {
  readonly name: string
  readonly groups: readonly string[]
  readonly labels: Readonly<Record<string, string>>
  readonly owner: string
  readonly credentials: readonly StoredCredential[]
}

export type StoredCredential =
  | { readonly kind: 'apiKey'; readonly id: string; readonly hash: string; readonly expiresAtMs: number; readonly createdAtMs: number }
  | { readonly kind: 'basic'; readonly id: string; readonly username: string; readonly passwordHash: string }
  | { readonly kind: 'jwtSubject'; readonly id: string; readonly subject: string }

export interface CredentialChangeRecord {
  readonly version: number
  readonly kind: 'consumer' | 'credential'
  readonly consumer: string
  /** Empty for `consumer`. */
  readonly credentialId: string
  /** Token subjects whose answer changes. */
  readonly subjects: readonly string[]
}

/** Whatever bears the name and began at `beforeMs` or earlier is over. Kept until `untilMs`, when it would have ended by itself. */
export interface Revocation {
  readonly name: string
  /** Milliseconds since the Unix epoch, as `untilMs`. */
  readonly beforeMs: number
  readonly untilMs: number
  /** It takes the place of what stands under the name, instead of the later instants: with `beforeMs: 0` nothing that bears it is over any more. */
  readonly replaces?: true
}

export interface RevocationsPage {
  /** Some may have ended. */
  readonly revocations: readonly Revocation[]
  /** Undefined: nothing follows. */
  readonly next: string | undefined
}

export type ConsumersWrite =
  | { readonly outcome: 'written'; readonly version: number }
  | { readonly outcome: 'exists'; readonly names: readonly string[] }
  /** An API key id, user name or subject belongs to another consumer. */
  | { readonly outcome: 'taken'; readonly detail: string }

/** `putConsumers` refuses more at once with `config.invalid`: a write is all or none, and has to end in the time of a call. */
export const MAX_CONSUMERS_A_WRITE = 2000

/** What a driver is given besides its settings. */
export interface StoreParts {
  /** Milliseconds since the Unix epoch [the system's]. */
  readonly clock?: { now(): number }
  /** Told what an operator should know and nothing else would show. */
  readonly onWarning?: (message: string) => void
}

/** Every call rejects with `dependency.store_unreachable` when the store cannot answer; none hangs beyond 5 s. */
export interface CredentialStore {
  version(scope: string): Promise<number>
  consumer(scope: string, name: string): Promise<StoredConsumer | undefined>
  /** By name, from `after` (exclusive) on. */
  consumers(scope: string, options: { after?: string; limit: number }): Promise<StoredConsumer[]>
  /** Adds or replaces whole consumers, all or none, at most `MAX_CONSUMERS_A_WRITE`. */
  putConsumers(scope: string, consumers: readonly StoredConsumer[], options: { createOnly: boolean }): Promise<ConsumersWrite>
  /** Its credentials are gone before it resolves. The new version, or undefined when there is none of that name. */
  deleteConsumer(scope: string, name: string): Promise<number | undefined>
  /**
   * Adds it, or replaces the one of its kind and id. The new version, or undefined when there is no such consumer.
   * Rejects with `config.exists` when it belongs to another one.
   */
  addCredential(scope: string, consumer: string, credential: StoredCredential): Promise<number | undefined>
  /** Gone from `findApiKey`, `findSubject` and `findUsername` before it resolves. Undefined when there is no such consumer or credential. */
  deleteCredential(scope: string, consumer: string, credentialId: string): Promise<number | undefined>
  findApiKey(scope: string, id: string): Promise<{ consumer: StoredConsumer; credential: StoredCredential & { kind: 'apiKey' } } | undefined>
  findSubject(scope: string, subject: string): Promise<{ consumer: StoredConsumer; credential: StoredCredential & { kind: 'jwtSubject' } } | undefined>
  findUsername(scope: string, username: string): Promise<{ consumer: StoredConsumer; credential: StoredCredential & { kind: 'basic' } } | undefined>
  /**
   * Adds these; one that is there is moved on to the later instants, or replaced. Each takes a version and leaves a change of kind
   * `credential`, of no consumer, whose `credentialId` is the name. The last version.
   */
  revoke(scope: string, revocations: readonly Revocation[]): Promise<number>
  /** Those of these names that stand. */
  revocations(scope: string, names: readonly string[]): Promise<Revocation[]>
  /** Those whose name begins with `token:`, by name in the order of its bytes, from `after` (exclusive) on. Some may have ended. */
  tokenRevocations(scope: string, options: { after?: string; limit: number }): Promise<Revocation[]>
  /** Those whose name begins with `session:`, each once, in no order that means anything; a page may be empty. `after`: the `next` of the page before. */
  sessionRevocations(scope: string, options: { after?: string; limit: number }): Promise<RevocationsPage>
  /**
   * In order. Undefined: the log does not reach back to `afterVersion`, or that version has not been given here.
   * The last 10,000 changes are kept at least.
   */
  changes(scope: string, afterVersion: number): Promise<CredentialChangeRecord[] | undefined>
  /**
   * Who holds `name` for `ms` from now on: `holder`, or who held it already. Of several who ask at once, in whichever datacenter, one does.
   * No change of the version, and gone after its time.
   */
  lease(scope: string, name: string, holder: string, ms: number): Promise<string>
  ping(): Promise<void>
  close(): Promise<void>
}
