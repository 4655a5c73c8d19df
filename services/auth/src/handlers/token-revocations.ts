import type { MessageInitShape } from '@bufbuild/protobuf'
import type {
  CredentialWriteReplySchema, TokenLiftRequest, TokenRevocationSchema, TokenRevocationsReplySchema, TokenRevocationsRequest, TokenRevokeRequest,
} from '@sluice/proto/messages/auth'
import type { Revocation } from '@sluice/credential-stores/credential-store'
import type { SessionEnds } from '../revocations/session-ends.ts'
import type { TokenRevocations } from '../revocations/token-revocations.ts'

type WriteReply = MessageInitShape<typeof CredentialWriteReplySchema>

type Listed = Promise<MessageInitShape<typeof TokenRevocationsReplySchema>>

/** Revoked tokens by name, or sessions that were ended. Throws `dependency.store_unreachable`. */
export async function answerTokenRevocations(tokens: TokenRevocations, ends: SessionEnds, { afterName, limit, sessions }: TokenRevocationsRequest): Listed {
  if (sessions) {
    const { revocations, next = '' } = await ends.list(afterName, limit)
    return { revocations: revocations.map(messageOf), nextName: next }
  }
  const { revocations, nextName, version } = await tokens.list(afterName, limit)
  return { revocations: revocations.map(messageOf), nextName, version }
}

function messageOf({ name, beforeMs, untilMs }: Revocation): MessageInitShape<typeof TokenRevocationSchema> {
  return { name, beforeMs, untilMs }
}

/** Revokes tokens. Throws `config.invalid`, `dependency.store_unreachable`. */
export async function answerTokenRevoke(tokens: TokenRevocations, message: TokenRevokeRequest): Promise<WriteReply> {
  return { version: await tokens.revoke(message) }
}

/** Lifts a revocation. Throws the same. */
export async function answerTokenLift(tokens: TokenRevocations, message: TokenLiftRequest): Promise<WriteReply> {
  const version = await tokens.lift(message)
  return version === undefined ? { missing: true } : { version }
}
