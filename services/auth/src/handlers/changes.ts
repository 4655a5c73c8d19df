import type { MessageInitShape } from '@bufbuild/protobuf'
import type { CredentialStore } from '@sluice/credential-stores/credential-store'
import type { CredentialChangesReplySchema, CredentialChangesRequest } from '@sluice/proto/messages/auth'
import { changeMessages, revokedTokensIn } from '../revocations/change-announcer.ts'

/** A message on the bus takes 1 MiB; whoever missed more than this forgets everything, which costs about the same. */
const maxCharacters = 256 * 1024
/** Each is read from the store; whoever missed more reads the list of them. */
const maxTokens = 1000

/** What changed after a version. Throws `dependency.store_unreachable`. */
export async function answerChanges(
  store: CredentialStore,
  scope: string,
  { afterVersion }: CredentialChangesRequest,
): Promise<MessageInitShape<typeof CredentialChangesReplySchema>> {
  const headVersion = await store.version(scope)
  if (afterVersion === headVersion) return { headVersion }
  const found = await store.changes(scope, afterVersion)
  if (found === undefined) return { headVersion, incomplete: true }
  // What was written since the version was read is announced by whoever wrote it.
  const changes = found.filter((change) => change.version <= headVersion)
  let characters = 0
  for (const { consumer, credentialId, subjects } of changes) characters += 64 + consumer.length + credentialId.length + subjects.join().length
  if (characters > maxCharacters || revokedTokensIn(changes).length > maxTokens) return { headVersion, incomplete: true }
  return { headVersion, changes: await changeMessages(store, scope, changes) }
}
