import type { MessageInitShape } from '@bufbuild/protobuf'
import type { KeySetRequest, KeySetSchema } from '@sluice/proto/messages/auth'
import type { KeySetRecord } from '../keysets/key-set.ts'
import type { KeySets } from '../keysets/key-sets.ts'

/** The key set at an address. Throws `config.invalid`, `dependency.key_set_unavailable`. */
export async function answerKeySet(keySets: KeySets, scope: string, { uri, insecure, unknownKid }: KeySetRequest): Promise<MessageInitShape<typeof KeySetSchema>> {
  return keySetMessage(scope, await keySets.get({ uri, insecure, unknownKid }))
}

export function keySetMessage(scope: string, { uri, jwks, digest, fetchedAtMs }: KeySetRecord): MessageInitShape<typeof KeySetSchema> {
  return { scope, uri, jwks: Buffer.from(jwks, 'utf8'), digest, fetchedAtMs }
}
