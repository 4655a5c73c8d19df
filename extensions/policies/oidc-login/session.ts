/** What a browser's session is: all of it is in its cookie, so that any edge can carry on with it. */
import { randomBytes } from 'node:crypto'
import type { LoginTokens } from '../policy.ts'

export interface Session {
  readonly id: string
  /** What it is ended by: its own name, its issuer's session, its user. */
  readonly names: readonly string[]
  readonly startedAtMs: number
  readonly endsAtMs: number
  /** When new tokens are asked for; 0: never. */
  readonly refreshAtMs: number
  readonly claims: Readonly<Record<string, unknown>>
  readonly refreshToken: string
  readonly accessToken: string
  /** For the issuer to know whom to log out. */
  readonly idToken: string
}

export interface SessionRules {
  readonly claims: readonly string[]
  readonly sessionSeconds: number
  readonly consumerClaim: string
  readonly forwardAccessToken: boolean
}

/** Refreshed this far into the time that the access token is good. */
const refreshAt = 0.8
const soonestRefreshMs = 5000

export function beginSession(tokens: LoginTokens, rules: SessionRules, nowMs: number): Session {
  const id = randomBytes(16).toString('base64url')
  return {
    id,
    names: [`session:${id}`, ...tokens.sessionNames],
    startedAtMs: nowMs,
    endsAtMs: nowMs + rules.sessionSeconds * 1000,
    claims: keptClaims(tokens.claims ?? {}, rules),
    idToken: tokens.idToken,
    ...tokensOf(tokens, rules, nowMs),
  }
}

/** The same session with new tokens; its names, claims and end stay those of the login. */
export function renewSession(session: Session, tokens: LoginTokens, rules: SessionRules, nowMs: number): Session {
  const refreshToken = tokens.refreshToken === '' ? session.refreshToken : tokens.refreshToken
  return { ...session, ...(tokens.idToken !== '' && { idToken: tokens.idToken }), ...tokensOf({ ...tokens, refreshToken }, rules, nowMs) }
}

function tokensOf({ refreshToken, accessToken, expiresInSeconds }: LoginTokens, { forwardAccessToken }: SessionRules, nowMs: number): Pick<Session, 'refreshToken' | 'accessToken' | 'refreshAtMs'> {
  const isRefreshed = refreshToken !== '' && expiresInSeconds > 0
  const refreshAtMs = isRefreshed ? nowMs + Math.max(soonestRefreshMs, expiresInSeconds * 1000 * refreshAt) : 0
  return { refreshToken, accessToken: forwardAccessToken ? accessToken : '', refreshAtMs }
}

function keptClaims(claims: Readonly<Record<string, unknown>>, { claims: names, consumerClaim }: SessionRules): Readonly<Record<string, unknown>> {
  const kept = new Set(['iss', 'sub', 'sid', consumerClaim, ...names])
  return Object.freeze(Object.fromEntries([...kept].filter((name) => Object.hasOwn(claims, name)).map((name) => [name, claims[name]])))
}

/** A cookie of another version of the gateway is no session here, and its user logs in anew. */
const version = 1

export function writeSession({ id, names, startedAtMs, endsAtMs, refreshAtMs, claims, refreshToken, accessToken, idToken }: Session): string {
  return JSON.stringify([version, id, names.slice(1), startedAtMs, endsAtMs, Math.round(refreshAtMs), claims, refreshToken, accessToken, idToken])
}

/** Of a text that the gateway has sealed. */
export function readSession(text: string): Session | undefined {
  const [written, id, more, startedAtMs, endsAtMs, refreshAtMs, claims, refreshToken, accessToken, idToken] = JSON.parse(text)
  if (written !== version) return undefined
  return { id, names: [`session:${id}`, ...more], startedAtMs, endsAtMs, refreshAtMs, claims: Object.freeze(claims), refreshToken, accessToken, idToken }
}
