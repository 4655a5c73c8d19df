import type { MessageInitShape } from '@bufbuild/protobuf'
import type {
  ApiKeyCreateReplySchema, ApiKeyCreateRequest, ConsumerDeleteRequest, ConsumersPutRequest, CredentialDeleteRequest, CredentialWriteReplySchema,
} from '@sluice/proto/messages/auth'
import type { ConsumerWrites, WriteOutcome } from '../credentials/consumer-writes.ts'

type WriteReply = MessageInitShape<typeof CredentialWriteReplySchema>

/** Adds or replaces consumers. Throws `config.invalid`, `config.exists`, `dependency.store_unreachable`. */
export async function answerConsumersPut(writes: ConsumerWrites, message: ConsumersPutRequest): Promise<WriteReply> {
  const { consumersJson, createOnly, keepUnnamedCredentials } = message
  return reply(await writes.put(consumersJson, { createOnly, keepUnnamedCredentials }))
}

/** Removes a consumer and its credentials. Throws `dependency.store_unreachable`. */
export async function answerConsumerDelete(writes: ConsumerWrites, { name }: ConsumerDeleteRequest): Promise<WriteReply> {
  return reply(await writes.delete(name))
}

/** Makes an API key. Throws `config.not_found`, `config.invalid`, `dependency.*`. */
export function answerApiKeyCreate(writes: ConsumerWrites, { consumer, expiresAtMs }: ApiKeyCreateRequest): Promise<MessageInitShape<typeof ApiKeyCreateReplySchema>> {
  return writes.createApiKey(consumer, expiresAtMs)
}

/** Revokes a credential. Throws `dependency.store_unreachable`. */
export async function answerCredentialDelete(writes: ConsumerWrites, { consumer, credentialId }: CredentialDeleteRequest): Promise<WriteReply> {
  return reply(await writes.deleteCredential(consumer, credentialId))
}

function reply({ version, missing, existing }: WriteOutcome): WriteReply {
  return { version, missing, existing: [...existing] }
}
