import type { MessageInitShape } from '@bufbuild/protobuf'
import type { CredentialStore } from '@sluice/credential-stores/credential-store'
import type { ConsumerGetReplySchema, ConsumerGetRequest, ConsumersListReplySchema, ConsumersListRequest } from '@sluice/proto/messages/auth'
import { toResource } from '../credentials/consumer-resource.ts'

const usualPage = 100
const largestPage = 1000
/** A message on the bus takes 1 MiB. */
const maxBytes = 900_000

/** Consumers by name, as a file would hold them; 100 when no limit is given. Throws `dependency.store_unreachable`. */
export async function answerConsumersList(
  store: CredentialStore,
  scope: string,
  { afterName, limit }: ConsumersListRequest,
): Promise<MessageInitShape<typeof ConsumersListReplySchema>> {
  const version = await store.version(scope)
  const wanted = Math.min(limit || usualPage, largestPage)
  const found = await store.consumers(scope, { limit: wanted + 1, ...(afterName !== '' && { after: afterName }) })
  const consumersJson: string[] = []
  let bytes = 0
  for (const consumer of found.slice(0, wanted)) {
    const json = JSON.stringify(toResource(consumer))
    bytes += Buffer.byteLength(json)
    if (bytes > maxBytes && consumersJson.length > 0) break
    consumersJson.push(json)
  }
  return { consumersJson, version, more: found.length > consumersJson.length }
}

/** One consumer; an empty text when there is none of that name. Throws `dependency.store_unreachable`. */
export async function answerConsumerGet(store: CredentialStore, scope: string, { name }: ConsumerGetRequest): Promise<MessageInitShape<typeof ConsumerGetReplySchema>> {
  const version = await store.version(scope)
  const found = await store.consumer(scope, name)
  return { consumerJson: found === undefined ? '' : JSON.stringify(toResource(found)), version }
}
