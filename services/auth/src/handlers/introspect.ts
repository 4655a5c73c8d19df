import type { MessageInitShape } from '@bufbuild/protobuf'
import type { IntrospectReplySchema, IntrospectRequest } from '@sluice/proto/messages/auth'
import type { Introspections } from '../introspection/introspections.ts'

/** What the issuer says of a token. Throws `dependency.issuer_unreachable`, `dependency.verifier_overloaded`, `config.invalid`. */
export async function answerIntrospect(introspections: Introspections, request: IntrospectRequest): Promise<MessageInitShape<typeof IntrospectReplySchema>> {
  return { ...(await introspections.introspect(request)) }
}
