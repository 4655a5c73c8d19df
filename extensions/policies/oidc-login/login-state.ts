/**
 * A login that is under way. What has to be known when the browser comes back travels in `state`, sealed, so that nothing
 * is kept here and any edge can go on; a cookie ties it to the browser that began (RFC 9700 §2.1, §4.7). Any number of
 * tabs may log in at once.
 */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { type CredentialSource, hideCredential, readCredential } from '../credential-source.ts'
import type { RequestFacts } from '../exchange.ts'
import type { CookieSealing } from './cookie-sealing.ts'

export interface LoginState {
  /** Path and query on the origin of the login. */
  readonly returnTo: string
  readonly nonce: string
  readonly codeVerifier: string
}

/** How long a user may take at the issuer. */
const loginSeconds = 900
const browserPattern = /^[A-Za-z0-9_-]{22}$/

export class LoginStates {
  readonly #name: string
  readonly #source: CredentialSource
  readonly #attributes: string
  readonly #sealing: CookieSealing

  constructor(name: string, isSecure: boolean, sealing: CookieSealing) {
    this.#name = isSecure ? `__Host-${name}-login` : `${name}-login`
    this.#source = { kind: 'cookie', name: this.#name }
    this.#attributes = `; Max-Age=${loginSeconds}; Path=/; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`
    this.#sealing = sealing
  }

  /** A login that returns there, its `state`, and the `Set-Cookie` field that ties it to the browser. */
  begin(returnTo: string, request: RequestFacts, nowMs: number): { login: LoginState; state: string; cookie: string } {
    const login = { returnTo, nonce: random(16), codeVerifier: random(32) }
    const browser = this.#browserOf(request) ?? random(16)
    const state = this.#sealing.seal(JSON.stringify([returnTo, login.nonce, login.codeVerifier, digestOf(browser), nowMs + loginSeconds * 1000]))
    return { login, state, cookie: `${this.#name}=${browser}${this.#attributes}` }
  }

  /** The login that this browser began with that `state`; undefined when it did not, or too long ago. */
  resume(state: string, request: RequestFacts, nowMs: number): LoginState | undefined {
    const browser = this.#browserOf(request)
    const text = browser === undefined ? undefined : this.#sealing.open(state)
    if (browser === undefined || text === undefined) return undefined
    const [returnTo, nonce, codeVerifier, digest, untilMs] = JSON.parse(text)
    const isOurs = timingSafeEqual(Buffer.from(digest, 'base64url'), Buffer.from(digestOf(browser), 'base64url'))
    return isOurs && nowMs < untilMs ? { returnTo, nonce, codeVerifier } : undefined
  }

  hide(request: RequestFacts): void {
    hideCredential(this.#source, request)
  }

  #browserOf(request: RequestFacts): string | undefined {
    const value = readCredential(this.#source, request)
    return value !== undefined && browserPattern.test(value) ? value : undefined
  }
}

/** RFC 7636 §4.2. */
export function challengeOf(codeVerifier: string): string {
  return hash('sha256', codeVerifier, 'base64url')
}

function random(bytes: number): string {
  return randomBytes(bytes).toString('base64url')
}

function digestOf(browser: string): string {
  return hash('sha256', browser, 'base64url')
}
