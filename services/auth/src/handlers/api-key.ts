import type { MessageInitShape } from '@bufbuild/protobuf'
import { type ApiKeyReplySchema, type ApiKeyRequest, CredentialOutcome } from '@sluice/proto/messages/auth'
import type { Family, Cell } from '@sluice/service-kit'
import { codeOf } from '@sluice/errors'
import type { ApiKeyChecks } from '../credentials/api-key-checks.ts'

/** Whether the key is good, and whose it is; of a bad one no more than that. Throws `dependency.*` codes. */
export async function answerApiKey(checks: ApiKeyChecks, counted: Family<Cell>, { id, secret }: ApiKeyRequest): Promise<MessageInitShape<typeof ApiKeyReplySchema>> {
  try {
    const check = await checks.check(id, secret)
    counted.with(check.outcome).add(1)
    if (check.outcome === 'invalid') return { outcome: CredentialOutcome.INVALID, version: check.version }
    const { consumer: { name, groups, labels }, credentialId, expiresAtMs, version } = check
    return { outcome: CredentialOutcome.VALID, consumer: { name, groups: [...groups], labels: { ...labels } }, credentialId, expiresAtMs, version }
  } catch (error) {
    counted.with(codeOf(error)).add(1)
    throw error
  }
}
