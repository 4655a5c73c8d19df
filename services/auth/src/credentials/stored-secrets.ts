import type { CredentialStore } from '@sluice/credential-stores/credential-store'
import type { SecretChecksParts } from './secret-checks.ts'

/** API keys by id. */
export function findKey(store: CredentialStore, scope: string): SecretChecksParts['find'] {
  return async (id) => {
    const found = await store.findApiKey(scope, id)
    return found && { consumer: found.consumer, credentialId: found.credential.id, hash: found.credential.hash, expiresAtMs: found.credential.expiresAtMs }
  }
}

/** Passwords by user name; they do not expire. */
export function findPassword(store: CredentialStore, scope: string): SecretChecksParts['find'] {
  return async (username) => {
    const found = await store.findUsername(scope, username)
    return found && { consumer: found.consumer, credentialId: found.credential.id, hash: found.credential.passwordHash, expiresAtMs: 0 }
  }
}
