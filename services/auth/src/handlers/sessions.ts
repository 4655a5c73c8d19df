import type { MessageInitShape } from '@bufbuild/protobuf'
import type { SessionEndReplySchema, SessionEndRequest, SessionReplySchema, SessionRequest } from '@sluice/proto/messages/auth'
import type { SessionEnds } from '../revocations/session-ends.ts'

/** Whether a session is over. Throws `dependency.store_unreachable`, `config.invalid`. */
export async function answerSession(ends: SessionEnds, { names, startedAtMs }: SessionRequest): Promise<MessageInitShape<typeof SessionReplySchema>> {
  return ends.hasEnded(names, startedAtMs)
}

/** Ends sessions. Throws the same. */
export async function answerSessionEnd(ends: SessionEnds, { names, beforeMs, untilMs }: SessionEndRequest): Promise<MessageInitShape<typeof SessionEndReplySchema>> {
  return { version: await ends.end(names, beforeMs, untilMs) }
}
