import type { MessageInitShape } from '@bufbuild/protobuf'
import { SluiceError } from '@sluice/errors'
import type { UpstreamTokenReplySchema, UpstreamTokenRequest } from '@sluice/proto/messages/auth'
import type { UpstreamTokens } from '../upstream-tokens/upstream-tokens.ts'

/** A token for an upstream. Throws `dependency.issuer_unreachable`, `dependency.verifier_overloaded`, `config.invalid`. */
export async function answerUpstreamToken(tokens: UpstreamTokens, request: UpstreamTokenRequest): Promise<MessageInitShape<typeof UpstreamTokenReplySchema>> {
  const { client, tokenUrl, scopes, audience, resource, subjectToken, subjectTokenType, refusedToken } = request
  if (client === undefined) throw new SluiceError('config.invalid', { detail: 'the issuer is not named' })
  const { issuer, clientId, clientSecret, secretInBody, insecure, timeoutMs } = client
  return tokens.get({ issuer, tokenUrl, clientId, clientSecret, secretInBody, insecure, timeoutMs, scopes, audience, resource, subjectToken, subjectTokenType }, refusedToken)
}
