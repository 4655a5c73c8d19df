import type { MessageInitShape } from '@bufbuild/protobuf'
import { SluiceError } from '@sluice/errors'
import type { IssuerClient, IssuerEndpointsReplySchema, IssuerEndpointsRequest, LoginReplySchema, LoginRequest, LogoutTokenReplySchema, LogoutTokenRequest, RefreshRequest } from '@sluice/proto/messages/auth'
import type { LoginOutcome, LoginSettings } from '../logins/login-client.ts'
import type { Logins } from '../logins/logins.ts'
import type { LogoutTokens } from '../logins/logout-tokens.ts'
import { sessionOfIssuer, sessionOfSubject } from '../logins/session-names.ts'
import type { SessionEnds } from '../revocations/session-ends.ts'

type LoginReply = MessageInitShape<typeof LoginReplySchema>

/** Where browsers log in and out. These throw `dependency.issuer_unreachable`, `dependency.verifier_overloaded`, `config.invalid`. */
export async function answerIssuerEndpoints(logins: Logins, { client }: IssuerEndpointsRequest): Promise<MessageInitShape<typeof IssuerEndpointsReplySchema>> {
  return { ...(await logins.endpoints(settingsIn(client))) }
}

/** Tokens for a code, and what the session is ended by. */
export async function answerLogin(logins: Logins, { client, callbackUrl, state, nonce, codeVerifier }: LoginRequest): Promise<LoginReply> {
  const settings = settingsIn(client)
  const outcome = await logins.login(settings, { callbackUrl, state, nonce, codeVerifier })
  const claims = 'tokens' in outcome ? (outcome.tokens.claims ?? {}) : {}
  const names = [...textIn(claims, 'sid').map((sid) => sessionOfIssuer(settings.issuer, sid)), ...textIn(claims, 'sub').map((sub) => sessionOfSubject(settings.issuer, sub))]
  return { ...replyOf(outcome), sessionNames: names }
}

export async function answerRefresh(logins: Logins, { client, refreshToken, subject }: RefreshRequest): Promise<LoginReply> {
  return replyOf(await logins.refresh(settingsIn(client), refreshToken, subject))
}

export interface EndingParts {
  readonly logins: Pick<Logins, 'keySetAddress'>
  readonly logoutTokens: LogoutTokens
  readonly sessionEnds: SessionEnds
  readonly clock: { now(): number }
}

/** Ends what the issuer says is over. Throws also `dependency.key_set_unavailable`, `dependency.store_unreachable`. */
export async function answerLogoutToken({ logins, logoutTokens, sessionEnds, clock }: EndingParts, request: LogoutTokenRequest): Promise<MessageInitShape<typeof LogoutTokenReplySchema>> {
  const { issuer, clientId, insecure, ...more } = settingsIn(request.client)
  const keySetAddress = await logins.keySetAddress({ issuer, clientId, insecure, ...more })
  if (keySetAddress === undefined) throw new SluiceError('dependency.key_set_unavailable', { detail: 'The metadata of the issuer names no jwks_uri' })
  const verdict = await logoutTokens.check({ token: request.logoutToken, issuer, clientId, insecure, keySetAddress })
  if ('refusal' in verdict) return { refusal: verdict.refusal }
  const untilMs = clock.now() + request.sessionSeconds * 1000
  return { version: await sessionEnds.end([verdict.name], Math.floor(Math.min(verdict.beforeMs, untilMs)), untilMs) }
}

function settingsIn(client: IssuerClient | undefined): LoginSettings {
  if (client === undefined) throw new SluiceError('config.invalid', { detail: 'the issuer is not named' })
  const { issuer, clientId, clientSecret, secretInBody, insecure, timeoutMs } = client
  return { issuer, clientId, clientSecret, secretInBody, insecure, timeoutMs }
}

function replyOf(outcome: LoginOutcome): LoginReply {
  if ('refusal' in outcome) return { refusal: outcome.refusal }
  const { claims, ...tokens } = outcome.tokens
  return { ...tokens, ...(claims !== undefined && { claims: Buffer.from(JSON.stringify(claims)) }) }
}

function textIn(claims: Readonly<Record<string, unknown>>, name: string): string[] {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined
  return typeof value === 'string' && value !== '' ? [value] : []
}
