import { codeOf } from '@sluice/errors'
import { CredentialOutcome } from '@sluice/proto/messages/auth'
import type { Cell, Family } from '@sluice/service-kit'
import type { SecretChecks } from '../credentials/secret-checks.ts'

/** What is told of a secret; of a bad one no more than that it is. */
export interface SecretReply {
  readonly outcome: CredentialOutcome
  readonly version: number
  readonly consumer?: { readonly name: string; readonly groups: string[]; readonly labels: Record<string, string> }
  readonly credentialId?: string
  readonly expiresAtMs?: number
}

/** Whether the secret is that of the id or user name, and whose it is. Throws `dependency.*` codes. */
export async function answerSecret(checks: SecretChecks, counted: Family<Cell>, id: string, secret: string): Promise<SecretReply> {
  try {
    const check = await checks.check(id, secret)
    counted.with(check.outcome).add(1)
    if (check.outcome === 'invalid') return { outcome: CredentialOutcome.INVALID, version: check.version }
    const { consumer: { name, groups, labels }, credentialId, expiresAtMs } = check.found
    return { outcome: CredentialOutcome.VALID, consumer: { name, groups: [...groups], labels: { ...labels } }, credentialId, expiresAtMs, version: check.version }
  } catch (error) {
    counted.with(codeOf(error)).add(1)
    throw error
  }
}
