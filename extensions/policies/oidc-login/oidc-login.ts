/**
 * Logs browsers in at an issuer (OpenID Connect Core 1.0 §3.1, code flow with PKCE as RFC 9700 wants it) and keeps their
 * sessions in a cookie that only the gateway can read. Codes and refresh tokens are redeemed by auth.
 */
import { parameters, readParameter } from '@sluice/http'
import { RecentMap } from '@sluice/verifier'
import { Blindness } from '../blindness.ts'
import type { Exchange } from '../exchange.ts'
import { type Answer, type HookResult, type Logins, type Policy, type PolicyParts, type Refusal, type Verdict, refuse, refuseUnchecked } from '../policy.ts'
import { isFromElsewhere, isLoopback, isNavigation, originOf, returnAddress } from './browser-request.ts'
import { challengeOf, LoginStates } from './login-state.ts'
import type { OidcLoginSettings } from './schema.ts'
import { CookieSealing } from './cookie-sealing.ts'
import { SessionCookies } from './session-cookies.ts'
import { beginSession, renewSession, type Session } from './session.ts'

/** A policy for all routes stands at each of them: what it remembers of sessions is one. */
const compiled = new WeakMap<OidcLoginSettings, OidcLogin>()

export function compile(settings: OidcLoginSettings, parts: PolicyParts): Policy {
  const known = compiled.get(settings) ?? new OidcLogin(settings, parts)
  compiled.set(settings, known)
  return known
}

/** The cookies of one scheme: those of https are never believed over http, nor the other way round. */
interface Cookies {
  readonly sessions: SessionCookies
  readonly states: LoginStates
}

/** An issuer that did not answer is asked again for a session no sooner. */
const refreshAgainMs = 10_000
const remembered = 5000
/** A form with one token. */
const maxLogoutBytes = 32_768
const noStore = ['Cache-Control', 'no-store']

class OidcLogin implements Policy {
  private readonly settings: OidcLoginSettings
  private readonly parts: Pick<PolicyParts, 'clock' | 'logger'>
  private readonly logins: Logins
  private readonly blindness: Blindness
  private readonly plain: Cookies
  private readonly secure: Cookies
  private readonly notRefreshedBefore = new RecentMap<number>(remembered)
  private readonly noSession: Refusal = { ...refuse('policy.unauthenticated', 'A login is needed; open the page in a browser', ['WWW-Authenticate', 'Cookie realm="sluice"']), withoutCredential: true }
  private readonly plainFromAfar = refuse('policy.forbidden', 'A login needs https')

  constructor(settings: OidcLoginSettings, parts: PolicyParts) {
    const { issuer, clientId, clientSecret, clientAuth, insecure, timeoutMs, sessionSeconds, consumerClaim, cookieKeys, cookieName } = settings
    this.settings = settings
    this.parts = parts
    this.logins = parts.identity.logins({ issuer, clientId, clientSecret, secretInBody: clientAuth === 'body', insecure, timeoutMs, sessionSeconds, consumerClaim })
    this.blindness = new Blindness(settings.whenBlind, parts.identity)
    const sealing = (use: string) => new CookieSealing(cookieKeys, JSON.stringify(['oidc-login', use, issuer, clientId]))
    const [session, state] = [sealing('session'), sealing('state')]
    this.plain = { sessions: new SessionCookies(cookieName, false, session), states: new LoginStates(cookieName, false, state) }
    this.secure = { sessions: new SessionCookies(cookieName, true, session), states: new LoginStates(cookieName, true, state) }
  }

  onRequest(exchange: Exchange): HookResult | Promise<HookResult> {
    const { callbackPath, logoutPath, backchannelLogoutPath } = this.settings
    const { path, method } = exchange.request
    if (path === backchannelLogoutPath && method === 'POST') return this.endByIssuer(exchange)
    const cookies = this.cookiesFor(exchange)
    const session = cookies.sessions.read(exchange.request)
    if (path === callbackPath) return this.finish(exchange, cookies)
    if (path === logoutPath) return this.logout(exchange, cookies, session)
    const now = this.parts.clock.now()
    if (session === undefined || now >= session.endsAtMs) return this.begin(exchange, cookies)
    const ended = this.logins.hasEnded(session.names, session.startedAtMs)
    if (ended instanceof Promise) return ended.then((late) => (late ? this.begin(exchange, cookies) : this.goOn(exchange, cookies, session)))
    return ended ? this.begin(exchange, cookies) : this.goOn(exchange, cookies, session)
  }

  // --- with a session ---

  private goOn(exchange: Exchange, cookies: Cookies, session: Session): HookResult | Promise<HookResult> {
    const { refreshAtMs, id } = session
    const isDue = refreshAtMs > 0 && this.parts.clock.now() >= refreshAtMs && this.parts.clock.monotonic() >= (this.notRefreshedBefore.get(id) ?? -Infinity)
    return isDue ? this.refresh(exchange, cookies, session) : this.admit(exchange, cookies, session)
  }

  /** An issuer that cannot be asked ends no session: it goes on with the tokens it has. */
  private async refresh(exchange: Exchange, cookies: Cookies, session: Session): Promise<HookResult> {
    const { clock } = this.parts
    const outcome = await this.logins.refresh(session.refreshToken, String(session.claims['sub'] ?? ''))
    if (outcome.outcome === 'refused') return this.begin(exchange, cookies)
    const renewed = outcome.outcome === 'tokens' ? renewSession(session, outcome.tokens, this.settings, clock.now()) : undefined
    const fields = renewed === undefined ? undefined : cookies.sessions.write(renewed, clock.now())
    if (renewed === undefined || fields === undefined) {
      this.notRefreshedBefore.set(session.id, clock.monotonic() + refreshAgainMs)
      return this.admit(exchange, cookies, session)
    }
    exchange.responseFields.push(...fields)
    return this.admit(exchange, cookies, renewed)
  }

  private admit(exchange: Exchange, cookies: Cookies, { claims, accessToken }: Session): HookResult | Promise<HookResult> {
    const decide = (verdict: Verdict): HookResult => {
      if (verdict.outcome === 'invalid') return this.noSession
      if (verdict.outcome !== 'valid') return refuseUnchecked(verdict)
      if (this.blindness.refuses()) return refuse('dependency.auth_unreachable')
      exchange.identity = verdict.identity
      cookies.sessions.hide(exchange.request)
      cookies.states.hide(exchange.request)
      if (this.settings.forwardAccessToken) exchange.request.headers.set('Authorization', `Bearer ${accessToken}`)
      return undefined
    }
    const verdict = this.logins.identify(claims)
    return verdict instanceof Promise ? verdict.then(decide) : decide(verdict)
  }

  // --- logging in ---

  private begin(exchange: Exchange, cookies: Cookies): HookResult | Promise<HookResult> {
    if (!isNavigation(exchange.request)) return this.noSession
    return this.isPlainFromAfar(exchange) ? this.plainFromAfar : this.sendToIssuer(exchange, cookies)
  }

  private async sendToIssuer(exchange: Exchange, { states }: Cookies): Promise<HookResult> {
    const { clientId, callbackPath, scopes, parameters: more, publicUrl } = this.settings
    const endpoints = await this.logins.endpoints()
    if ('outcome' in endpoints) return refuseUnchecked(endpoints)
    const { login, state, cookie } = states.begin(returnAddress(exchange.request), exchange.request, this.parts.clock.now())
    const url = new URL(endpoints.authorizationEndpoint)
    const asked = {
      ...more, response_type: 'code', client_id: clientId, redirect_uri: originOf(exchange, publicUrl) + callbackPath, scope: [...new Set(['openid', ...scopes])].join(' '),
      state, nonce: login.nonce, code_challenge: challengeOf(login.codeVerifier), code_challenge_method: 'S256',
    }
    for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value)
    return redirectTo(url.href, ['Set-Cookie', cookie])
  }

  /** The browser is back from the issuer. Whatever is wrong is said here and not tried again by itself, which could go on for ever. */
  private async finish(exchange: Exchange, { sessions, states }: Cookies): Promise<HookResult> {
    const { clock, logger } = this.parts
    const { request, client } = exchange
    if (request.method !== 'GET') return failed('The login is completed by a browser that comes back from its issuer')
    if (this.isPlainFromAfar(exchange)) return this.plainFromAfar
    const state = readParameter(request.query, 'state') ?? ''
    const login = states.resume(state, request, clock.now())
    if (login === undefined) return failed('This login was not begun in this browser, or too long ago; open the page again')
    const origin = originOf(exchange, this.settings.publicUrl)
    const facts = { callbackUrl: `${origin}${this.settings.callbackPath}?${request.query}`, state, nonce: login.nonce, codeVerifier: login.codeVerifier }
    const outcome = await this.logins.redeem(facts, this.settings.throttleFailures ? client.address : undefined)
    if (outcome.outcome === 'refused') return failed(`The issuer did not complete the login (${outcome.reason}); open the page again`)
    if (outcome.outcome !== 'tokens') return refuseUnchecked(outcome)
    const now = clock.now()
    const fields = sessions.write(beginSession(outcome.tokens, this.settings, now), now)
    if (fields === undefined) {
      logger.warn({ issuer: this.settings.issuer }, 'a session is too long for its cookies; name fewer claims, or leave out forwardAccessToken')
      return failed('The session is too long to be kept')
    }
    return redirectTo(origin + login.returnTo, fields)
  }

  // --- logging out ---

  /** Here first, on all edges, and then at the issuer (OpenID Connect RP-Initiated Logout 1.0). */
  private async logout(exchange: Exchange, { sessions }: Cookies, session: Session | undefined): Promise<HookResult> {
    if (isFromElsewhere(exchange.request)) return refuse('policy.forbidden', 'Another site cannot log a user out')
    const { clientId, afterLogout, publicUrl } = this.settings
    const landing = originOf(exchange, publicUrl) + afterLogout
    // Without auth the browser forgets its session all the same; a copy of it would go on to its end.
    if (session !== undefined) await this.logins.end([session.names[0]!], session.endsAtMs)
    const endpoints = await this.logins.endpoints()
    if ('outcome' in endpoints || endpoints.endSessionEndpoint === '') return redirectTo(landing, sessions.remove())
    const url = new URL(endpoints.endSessionEndpoint)
    const asked = { client_id: clientId, post_logout_redirect_uri: landing, ...(session !== undefined && session.idToken !== '' && { id_token_hint: session.idToken }) }
    for (const [name, value] of Object.entries(asked)) url.searchParams.set(name, value)
    return redirectTo(url.href, sessions.remove())
  }

  /** OpenID Connect Back-Channel Logout 1.0 §2.5, §2.8. */
  private async endByIssuer(exchange: Exchange): Promise<HookResult> {
    const body = await exchange.readBody(maxLogoutBytes)
    const tokens = body === undefined ? [] : [...parameters(body.toString('latin1'))].filter(([name]) => name === 'logout_token')
    if (tokens.length !== 1) return logoutRefused('One logout_token in a form is expected')
    const outcome = await this.logins.endByIssuer(tokens[0]![1], this.settings.throttleFailures ? exchange.client.address : undefined)
    if (outcome.outcome === 'ended') return { kind: 'answer', status: 200, headers: noStore, body: '' }
    return outcome.outcome === 'refused' ? logoutRefused(outcome.reason) : refuseUnchecked(outcome)
  }

  private cookiesFor({ client }: Exchange): Cookies {
    const { publicUrl } = this.settings
    const isSecure = publicUrl === undefined ? client.scheme === 'https' : publicUrl.startsWith('https:')
    return isSecure ? this.secure : this.plain
  }

  /** Everybody on the way could take the session, and the code that makes one. */
  private isPlainFromAfar({ client, request }: Exchange): boolean {
    const { publicUrl, insecure } = this.settings
    return client.scheme !== 'https' && publicUrl?.startsWith('https:') !== true && !insecure && !isLoopback(request.host)
  }
}

function redirectTo(location: string, fields: readonly string[]): Answer {
  return { kind: 'answer', status: 302, headers: ['Location', location, ...noStore, ...fields], body: '' }
}

function failed(message: string): Refusal {
  return refuse('policy.login_failed', message)
}

function logoutRefused(reason: string): Answer {
  return { kind: 'answer', status: 400, headers: ['Content-Type', 'application/json', ...noStore], body: JSON.stringify({ error: 'invalid_request', error_description: reason }) }
}
