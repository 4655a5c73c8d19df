import type { MessageInitShape } from '@bufbuild/protobuf'
import type {
  CredentialWriteReplySchema, TokenLiftRequest, TokenRevocationsReplySchema, TokenRevocationsRequest, TokenRevokeRequest,
} from '@sluice/proto/messages/auth'
import type { TokenRevocations } from '../revocations/token-revocations.ts'

type WriteReply = MessageInitShape<typeof CredentialWriteReplySchema>

/** Revoked tokens by name. Throws `dependency.store_unreachable`. */
export async function answerTokenRevocations(tokens: TokenRevocations, { afterName, limit }: TokenRevocationsRequest): Promise<MessageInitShape<typeof TokenRevocationsReplySchema>> {
  const { revocations, nextName, version } = await tokens.list(afterName, limit)
  return { revocations: revocations.map(({ name, beforeMs, untilMs }) => ({ name, beforeMs, untilMs })), nextName, version }
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
