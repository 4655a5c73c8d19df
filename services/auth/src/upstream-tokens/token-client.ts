/**
 * One issuer as one client of it that gets tokens for upstreams: its own (client credentials, RFC 6749 §4.4), or one in
 * exchange for a caller's (RFC 8693).
 */
import * as oauth from 'openid-client'
import { clientConfiguration, type IssuerClientSettings } from '../issuers/client-configuration.ts'
import { IssuerLine } from '../issuers/issuer-line.ts'
import { checkAddress, IssuerMetadata } from '../issuers/issuer-metadata.ts'

export interface TokenIssuer extends IssuerClientSettings {
  /** One of the two is not empty. */
  readonly issuer: string
  readonly tokenUrl: string
  readonly insecure: boolean
}

export interface WantedToken {
  readonly scopes: readonly string[]
  readonly audience: string
  readonly resource: string
  /** Empty: the gateway's own is wanted. */
  readonly subjectToken: string
  readonly subjectTokenType: string
}

export type TokenOutcome = { readonly accessToken: string; readonly expiresInSeconds: number | undefined } | { readonly refusal: string }

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'
/** Words against the caller's token or what it may be exchanged for (RFC 8693 §2.2.2); others are against the gateway. */
const refusals = /^(?:invalid_grant|invalid_request|invalid_target|invalid_scope|access_denied)$/

export class TokenClient {
  readonly #settings: TokenIssuer
  readonly #line: IssuerLine
  readonly #metadata: IssuerMetadata

  /** Throws `config.invalid` for an address that is not asked. */
  constructor(settings: TokenIssuer, clock: { monotonic(): number }) {
    checkAddress(settings.tokenUrl || settings.issuer, settings.insecure)
    this.#settings = settings
    this.#line = new IssuerLine(clock)
    this.#metadata = new IssuerMetadata(settings.issuer, settings.insecure, clock)
  }

  /** Throws an `Error` whose message is for the log when the issuer gives no answer that can be used. */
  get(wanted: WantedToken): Promise<TokenOutcome> {
    return this.#line.ask(async () => {
      const configuration = await this.#configure()
      try {
        const response = await grant(configuration, wanted)
        if (response.token_type !== 'bearer') throw new Error('the token is no bearer token')
        return { accessToken: response.access_token, expiresInSeconds: response.expires_in }
      } catch (error) {
        if (wanted.subjectToken === '' || !(error instanceof oauth.ResponseBodyError) || !refusals.test(error.error)) throw error
        return { refusal: error.error }
      }
    })
  }

  async #configure(): Promise<oauth.Configuration> {
    const { issuer, tokenUrl, insecure, timeoutMs } = this.#settings
    const metadata = tokenUrl === '' ? await this.#metadata.get(timeoutMs) : { issuer: issuer || tokenUrl, token_endpoint: tokenUrl }
    if (metadata.token_endpoint === undefined) throw new Error('its metadata names no token_endpoint')
    checkAddress(metadata.token_endpoint, insecure)
    return clientConfiguration(metadata, this.#settings)
  }
}

function grant(configuration: oauth.Configuration, { scopes, audience, resource, subjectToken, subjectTokenType }: WantedToken): Promise<oauth.TokenEndpointResponse> {
  const asked: Record<string, string> = {}
  if (scopes.length > 0) asked['scope'] = scopes.join(' ')
  if (audience !== '') asked['audience'] = audience
  if (resource !== '') asked['resource'] = resource
  if (subjectToken === '') return oauth.clientCredentialsGrant(configuration, asked)
  const exchange = { subject_token: subjectToken, subject_token_type: subjectTokenType || accessTokenType, requested_token_type: accessTokenType }
  return oauth.genericGrantRequest(configuration, exchangeGrant, { ...asked, ...exchange })
}
