/**
 * Sessions that are over before their time. A session has names (its own, its issuer's, its user's); ending a name ends
 * every session of it that began until then. Told to the edges like a credential that is revoked.
 */
import type { CredentialStore, RevocationsPage } from '@sluice/credential-stores/credential-store'
import { SluiceError } from '@sluice/errors'
import type { ChangeAnnouncer } from './change-announcer.ts'

export interface SessionEndsParts {
  readonly store: Pick<CredentialStore, 'version' | 'revoke' | 'revocations' | 'sessionRevocations'>
  readonly scope: string
  readonly clock: { now(): number }
  readonly announcer: Pick<ChangeAnnouncer, 'announceUpTo'>
}

const maxNames = 8
const largestPage = 500
const namePattern = /^session:[A-Za-z0-9_-]{16,128}$/

export class SessionEnds {
  readonly #parts: SessionEndsParts

  constructor(parts: SessionEndsParts) {
    this.#parts = parts
  }

  /** Throws `config.invalid` for what is no name of a session, `dependency.store_unreachable`. */
  async hasEnded(names: readonly string[], startedAtMs: number): Promise<{ ended: boolean; version: number }> {
    const { store, scope } = this.#parts
    checkNames(names)
    // The version first: the answer is at least as new as the version it carries.
    const version = await store.version(scope)
    const found = await store.revocations(scope, names)
    return { ended: found.some(({ beforeMs }) => startedAtMs <= beforeMs), version }
  }

  /** Those that stand, page by page: see the store's `sessionRevocations`. */
  async list(after: string, limit: number): Promise<RevocationsPage> {
    const { store, scope, clock } = this.#parts
    const { revocations, next } = await store.sessionRevocations(scope, { limit: Math.min(limit || largestPage, largestPage), ...(after !== '' && { after }) })
    const now = clock.now()
    return { revocations: revocations.filter(({ untilMs }) => untilMs > now), next }
  }

  /** Throws the same. Every edge is told before it resolves. */
  async end(names: readonly string[], beforeMs: number, untilMs: number): Promise<number> {
    const { store, scope, announcer } = this.#parts
    checkNames(names)
    if (!Number.isSafeInteger(beforeMs) || !Number.isSafeInteger(untilMs)) throw new SluiceError('config.invalid', { detail: 'an instant is a whole number of milliseconds' })
    const version = await store.revoke(scope, names.map((name) => ({ name, beforeMs, untilMs })))
    await announcer.announceUpTo(version)
    return version
  }
}

function checkNames(names: readonly string[]): void {
  if (names.length > 0 && names.length <= maxNames && names.every((name) => namePattern.test(name))) return
  throw new SluiceError('config.invalid', { detail: 'sessions are named by 1 to 8 texts "session:" with 16 to 128 letters' })
}
