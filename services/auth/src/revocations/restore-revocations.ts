import type { CredentialStore, Revocation } from '@sluice/credential-stores/credential-store'
import { readTokenName } from '@sluice/proto/token-names'
import { sessionOfSubject } from '../logins/session-names.ts'

const batch = 100

/** Puts revoked tokens, or ended sessions, of a backup into the store, but for those that have expired since; how many those are. */
export async function restoreRevocations(store: Pick<CredentialStore, 'revoke'>, scope: string, revocations: Iterable<Revocation>, nowMs: number = Date.now()): Promise<number> {
  const standing = [...revocations].filter(({ untilMs }) => untilMs > nowMs).map(({ name, beforeMs, untilMs }) => ({ name, beforeMs, untilMs }))
  for (let start = 0; start < standing.length; start += batch) await store.revoke(scope, standing.slice(start, start + batch).flatMap(withSessions))
  return standing.length
}

/** A subject's sessions of browsers are over as its tokens are. */
function withSessions(revocation: Revocation): Revocation[] {
  const { issuer, subject } = readTokenName(revocation.name) ?? { issuer: '' }
  return subject === undefined ? [revocation] : [revocation, { ...revocation, name: sessionOfSubject(issuer, subject) }]
}
