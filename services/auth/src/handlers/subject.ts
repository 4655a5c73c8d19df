import type { MessageInitShape } from '@bufbuild/protobuf'
import type { CredentialStore } from '@sluice/credential-stores/credential-store'
import type { SubjectReplySchema, SubjectRequest } from '@sluice/proto/messages/auth'

/** Which consumer has the subject. Throws `dependency.store_unreachable`. */
export async function answerSubject(store: CredentialStore, scope: string, { subject }: SubjectRequest): Promise<MessageInitShape<typeof SubjectReplySchema>> {
  // The version first: the answer is at least as new as the version it carries.
  const version = await store.version(scope)
  const found = await store.findSubject(scope, subject)
  if (found === undefined) return { version }
  const { name, groups, labels } = found.consumer
  return { consumer: { name, groups: [...groups], labels: { ...labels } }, credentialId: found.credential.id, version }
}
