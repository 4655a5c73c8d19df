/**
 * One issuer as one client that browsers log in through (OpenID Connect Core 1.0 §3.1): codes become tokens here, and
 * refresh tokens new ones, so that no edge speaks to an issuer and its secret stays off their connections.
 */
import * as oauth from 'openid-client'
import { clientConfiguration, type IssuerClientSettings } from '../issuers/client-configuration.ts'
import { IssuerLine } from '../issuers/issuer-line.ts'
import { checkAddress, IssuerMetadata } from '../issuers/issuer-metadata.ts'

export interface LoginSettings extends IssuerClientSettings {
  readonly issuer: string
  readonly insecure: boolean
}

export interface Endpoints {
  readonly authorizationEndpoint: string
  /** Empty: it has none. */
  readonly endSessionEndpoint: string
}

export interface Tokens {
  /** Of the ID token; undefined when there was none. */
  readonly claims: Readonly<Record<string, unknown>> | undefined
  readonly idToken: string
  readonly accessToken: string
  /** Empty: the one before stays. */
  readonly refreshToken: string
  /** 0: not said. */
  readonly expiresInSeconds: number
}

/** `refusal` is the issuer's word for why there are no tokens. */
export type LoginOutcome = { readonly tokens: Tokens } | { readonly refusal: string }

export interface CodeFacts {
  readonly callbackUrl: string
  readonly state: string
  readonly nonce: string
  readonly codeVerifier: string
}

/** A browser is not sent to an issuer that is known to be down, so what is known of it must be young. */
const endpointsAgeMs = 10_000

export class LoginClient {
  readonly #settings: LoginSettings
  readonly #line: IssuerLine
  readonly #metadata: IssuerMetadata
  #configured: { readonly for: oauth.ServerMetadata; readonly configuration: oauth.Configuration } | undefined

  /** Throws `config.invalid` for an issuer that is not asked. */
  constructor(settings: LoginSettings, clock: { monotonic(): number }) {
    checkAddress(settings.issuer, settings.insecure)
    this.#settings = settings
    this.#line = new IssuerLine(clock)
    this.#metadata = new IssuerMetadata(settings.issuer, settings.insecure, clock)
  }

  endpoints(): Promise<Endpoints> {
    const { timeoutMs, insecure } = this.#settings
    return this.#line.ask(async () => {
      const { authorization_endpoint: authorization, end_session_endpoint: end } = await this.#metadata.recent(timeoutMs, endpointsAgeMs)
      if (authorization === undefined) throw new Error('its metadata names no authorization_endpoint')
      for (const address of [authorization, end]) if (address !== undefined) checkAddress(address, insecure)
      return { authorizationEndpoint: authorization, endSessionEndpoint: end ?? '' }
    })
  }

  redeem({ callbackUrl, state, nonce, codeVerifier }: CodeFacts): Promise<LoginOutcome> {
    const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: codeVerifier, idTokenExpected: true }
    const url = new URL(callbackUrl)
    return this.#ask((configuration) => {
      if (!isResponse(url.searchParams, state, configuration.serverMetadata())) throw new Refused('invalid_response')
      return oauth.authorizationCodeGrant(configuration, url, checks)
    })
  }

  refresh(refreshToken: string, subject: string): Promise<LoginOutcome> {
    return this.#ask(async (configuration) => {
      const response = await oauth.refreshTokenGrant(configuration, refreshToken)
      const { sub = subject } = response.claims() ?? {}
      // OpenID Connect Core 1.0 §12.2.
      if (sub !== subject) throw new Error('the ID token of a refresh is of another subject')
      return response
    })
  }

  /** Where its keys are; undefined when it names none. */
  async keySetAddress(): Promise<string | undefined> {
    const { timeoutMs, insecure } = this.#settings
    const { jwks_uri: uri } = await this.#line.ask(() => this.#metadata.get(timeoutMs))
    if (uri !== undefined) checkAddress(uri, insecure)
    return uri
  }

  #ask(question: (configuration: oauth.Configuration) => Promise<oauth.TokenEndpointResponse & oauth.TokenEndpointResponseHelpers>): Promise<LoginOutcome> {
    return this.#line.ask(async () => {
      const configuration = await this.#configure()
      try {
        return { tokens: tokensIn(await question(configuration)) }
      } catch (error) {
        const refusal = refusalIn(error)
        if (refusal === undefined) throw error
        return { refusal }
      }
    })
  }

  /** The same for as long as the issuer says the same of itself: its keys are kept with it. */
  async #configure(): Promise<oauth.Configuration> {
    const { insecure, timeoutMs } = this.#settings
    const metadata = await this.#metadata.get(timeoutMs)
    if (this.#configured?.for === metadata) return this.#configured.configuration
    for (const address of [metadata.token_endpoint, metadata.jwks_uri]) if (address !== undefined) checkAddress(address, insecure)
    const configuration = clientConfiguration(metadata, this.#settings)
    // The connection vouches for the ID token (OpenID Connect Core 1.0 §3.1.3.7); its signature is checked all the same.
    oauth.enableNonRepudiationChecks(configuration)
    this.#configured = { for: metadata, configuration }
    return configuration
  }
}

function tokensIn(response: oauth.TokenEndpointResponse & oauth.TokenEndpointResponseHelpers): Tokens {
  return {
    claims: response.claims(),
    idToken: response.id_token ?? '',
    accessToken: response.access_token,
    refreshToken: response.refresh_token ?? '',
    expiresInSeconds: response.expires_in ?? 0,
  }
}

/** Words against the code, the refresh token or the user; a word against the gateway's own client is an outage. */
const maxCodeCharacters = 4096
const refusals = /^(?:invalid_grant|invalid_request|access_denied|invalid_scope|login_required|consent_required|interaction_required|account_selection_required)$/

/** Anybody can write this address: what is wrong with it must not count against the issuer (RFC 6749 §4.1.2, RFC 9207 §2.4). */
function isResponse(parameters: URLSearchParams, state: string, { issuer, authorization_response_iss_parameter_supported: isNamed }: oauth.ServerMetadata): boolean {
  const only = (name: string) => (parameters.getAll(name).length > 1 ? undefined : parameters.get(name))
  const [said, code, error, of] = ['state', 'code', 'error', 'iss'].map(only)
  const isFromIssuer = of === issuer || (of === null && isNamed !== true)
  return said === state && isFromIssuer && (error !== null ? typeof error === 'string' : typeof code === 'string' && code !== '' && code.length <= maxCodeCharacters)
}

class Refused extends Error {
  readonly word: string

  constructor(word: string) {
    super(word)
    this.word = word
  }
}

/** What the ID token says is not what was asked for, or not for now. */
const idTokenErrors = new Set(['OAUTH_JWT_CLAIM_COMPARISON_FAILED', 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED'])

function refusalIn(error: unknown): string | undefined {
  if (error instanceof Refused) return error.word
  if (error instanceof oauth.ClientError && idTokenErrors.has(error.code ?? '')) return 'invalid_id_token'
  if (!(error instanceof oauth.AuthorizationResponseError) && !(error instanceof oauth.ResponseBodyError)) return undefined
  return refusals.test(error.error) ? error.error : undefined
}
