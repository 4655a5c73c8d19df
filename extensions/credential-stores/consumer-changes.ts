/**
 * What a write to consumers means, apart from how it is stored: which names, user names, key ids and subjects it
 * claims and lets go, and the changes it leaves in the log. Pure, so that every store decides alike.
 */
import { SluiceError } from '@sluice/errors'
import { MAX_CONSUMERS_A_WRITE, type CredentialChangeRecord, type Revocation, type RevocationsPage, type StoredConsumer, type StoredCredential } from './credential-store.ts'

export type ClaimKind = 'apiKey' | 'username' | 'subject'

/** Something that belongs to one consumer of a scope. */
export interface Claim {
  readonly kind: ClaimKind
  readonly id: string
}

/** Names of revoked tokens stand from one up to the other, in the order of their bytes. */
export const TOKEN_NAMES = { from: 'token:', to: 'token;' }

/** As those, names of sessions. */
export const SESSION_NAMES = { from: 'session:', to: 'session;' }

/** A page of revocations that were read by name, in order. */
export function pageByName(revocations: readonly Revocation[], limit: number): RevocationsPage {
  return { revocations, next: revocations.length < limit ? undefined : revocations.at(-1)?.name }
}

export type ChangeFacts = Omit<CredentialChangeRecord, 'version'>

/** A write that may be done as it stands. */
export interface ConsumersChange {
  /** Consumers as they shall be; undefined: gone. */
  readonly consumers: ReadonlyMap<string, StoredConsumer | undefined>
  readonly claimed: readonly (Claim & { readonly consumer: string })[]
  readonly released: readonly Claim[]
  /** As they shall be [none]. */
  readonly revocations?: readonly Revocation[]
  /** One for each version the write takes. */
  readonly changes: readonly ChangeFacts[]
}

export type PutPlan = { readonly outcome: 'change'; readonly change: ConsumersChange } | { readonly outcome: 'exists'; readonly names: string[] } | { readonly outcome: 'taken'; readonly detail: string }

export interface PutFacts {
  readonly consumers: readonly StoredConsumer[]
  readonly createOnly: boolean
  /** Those of their names that are stored. */
  readonly stored: ReadonlyMap<string, StoredConsumer>
  /** Whose a claim is now. */
  ownerOf(claim: Claim): string | undefined
}

export function claimOf(credential: StoredCredential): Claim {
  switch (credential.kind) {
    case 'apiKey':
      return { kind: 'apiKey', id: credential.id }
    case 'basic':
      return { kind: 'username', id: credential.username }
    case 'jwtSubject':
      return { kind: 'subject', id: credential.subject }
  }
}

export function claimsOf(consumers: Iterable<StoredConsumer>): Claim[] {
  return [...consumers].flatMap((consumer) => consumer.credentials.map(claimOf))
}

export function claimKey(claim: Claim): string {
  return `${claim.kind}:${claim.id}`
}

/** Throws `config.invalid` when a write holds too many. */
export function checkSize(consumers: readonly StoredConsumer[]): void {
  if (consumers.length <= MAX_CONSUMERS_A_WRITE) return
  throw new SluiceError('config.invalid', { detail: `${consumers.length} consumers are too many for one write; ${MAX_CONSUMERS_A_WRITE} are the most` })
}

/** Of several consumers of one name in a write the last counts. */
export function planPut({ consumers, createOnly, stored, ownerOf }: PutFacts): PutPlan {
  const wanted = new Map(consumers.map((consumer) => [consumer.name, consumer]))
  const existing = [...wanted.keys()].filter((name) => stored.has(name))
  if (createOnly && existing.length > 0) return { outcome: 'exists', names: existing }
  const owners = new Map<string, Claim & { consumer: string }>()
  for (const consumer of wanted.values()) {
    for (const claim of claimsOf([consumer])) {
      const within = owners.get(claimKey(claim))?.consumer
      const before = ownerOf(claim)
      // What its owner lets go of in this same write is free.
      const owner = within ?? (before !== undefined && !wanted.has(before) ? before : undefined)
      if (owner !== undefined && owner !== consumer.name) return { outcome: 'taken', detail: describeTaken(claim, owner) }
      owners.set(claimKey(claim), { ...claim, consumer: consumer.name })
    }
  }
  const released = claimsOf([...wanted.keys()].flatMap((name) => stored.get(name) ?? [])).filter((claim) => !owners.has(claimKey(claim)))
  const changes = [...wanted.values()].map((consumer) => consumerChanged(stored.get(consumer.name), consumer))
  return { outcome: 'change', change: { consumers: wanted, claimed: [...owners.values()], released, changes } }
}

export function planDelete(consumer: StoredConsumer): ConsumersChange {
  return { consumers: new Map([[consumer.name, undefined]]), claimed: [], released: claimsOf([consumer]), changes: [consumerChanged(consumer, undefined)] }
}

/** `owner` has what the credential claims. Throws `config.exists` when that is another consumer. */
export function planAddCredential(consumer: StoredConsumer, credential: StoredCredential, owner: string | undefined): ConsumersChange {
  const claim = claimOf(credential)
  if (owner !== undefined && owner !== consumer.name) throw new SluiceError('config.exists', { detail: describeTaken(claim, owner) })
  // A credential has its place by what it claims too: a subject is never there twice.
  const isReplaced = (other: StoredCredential) => other.kind === credential.kind && (other.id === credential.id || claimOf(other).id === claim.id)
  return credentialsChanged(consumer, [...consumer.credentials.filter((other) => !isReplaced(other)), credential], credential.id)
}

/** Undefined when the consumer has no such credential. */
export function planDeleteCredential(consumer: StoredConsumer, credentialId: string): ConsumersChange | undefined {
  const left = consumer.credentials.filter((credential) => credential.id !== credentialId)
  return left.length === consumer.credentials.length ? undefined : credentialsChanged(consumer, left, credentialId)
}

/** `stored` are those of their names that stand. */
export function planRevoke(revocations: readonly Revocation[], stored: readonly Revocation[]): ConsumersChange {
  const merged = new Map<string, Revocation>()
  for (const { name, beforeMs, untilMs, replaces } of [...stored, ...revocations]) {
    const before = replaces === true ? undefined : merged.get(name)
    merged.set(name, { name, beforeMs: Math.max(beforeMs, before?.beforeMs ?? 0), untilMs: Math.max(untilMs, before?.untilMs ?? 0) })
  }
  const changes = [...merged.keys()].map((name) => ({ kind: 'credential' as const, consumer: '', credentialId: name, subjects: [] }))
  return { consumers: new Map(), claimed: [], released: [], revocations: [...merged.values()], changes }
}

function describeTaken(claim: Claim, owner: string): string {
  const nouns: Record<ClaimKind, string> = { apiKey: 'API key id', username: 'user name', subject: 'subject' }
  return `the ${nouns[claim.kind]} ${JSON.stringify(claim.id)} belongs to the consumer ${JSON.stringify(owner)}`
}

function credentialsChanged(consumer: StoredConsumer, credentials: readonly StoredCredential[], credentialId: string): ConsumersChange {
  const changed = { ...consumer, credentials }
  const kept = new Set(claimsOf([changed]).map(claimKey))
  const touched = [...consumer.credentials, ...credentials].filter((credential) => credential.id === credentialId)
  return {
    consumers: new Map([[consumer.name, changed]]),
    claimed: claimsOf([changed]).map((claim) => ({ ...claim, consumer: consumer.name })),
    released: claimsOf([consumer]).filter((claim) => !kept.has(claimKey(claim))),
    changes: [{ kind: 'credential', consumer: consumer.name, credentialId, subjects: subjectsOf(touched) }],
  }
}

function consumerChanged(before: StoredConsumer | undefined, now: StoredConsumer | undefined): ChangeFacts {
  const name = (before ?? now)?.name ?? ''
  return { kind: 'consumer', consumer: name, credentialId: '', subjects: subjectsOf([...(before?.credentials ?? []), ...(now?.credentials ?? [])]) }
}

function subjectsOf(credentials: readonly StoredCredential[]): string[] {
  return [...new Set(credentials.flatMap((credential) => (credential.kind === 'jwtSubject' ? [credential.subject] : [])))]
}
