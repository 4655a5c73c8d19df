/**
 * One issuer as one client of it: asks what a token is (RFC 7662), at the address of the settings or the one that the
 * issuer's metadata names (OpenID Connect Discovery 1.0 §4, RFC 8414). Bounded in time, size and in how many
 * questions are under way; an issuer that fails again and again is left alone for a second.
 */
import { SluiceError } from '@sluice/errors'
import * as oauth from 'openid-client'
import { checkedUrl } from '../keysets/fetch-key-set.ts'
import { boundedFetch } from './bounded-fetch.ts'

export interface IssuerSettings {
  /** Empty: where the metadata of `issuer` says. */
  readonly introspectionUrl: string
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  readonly secretInBody: boolean
  readonly insecure: boolean
}

/** What the issuer says of a token: its members, or that it is not active. */
export type Introspected = { readonly active: true; readonly members: Readonly<Record<string, unknown>> } | { readonly active: false }

const metadataFreshMs = 3_600_000
const maxRunning = 256
/** Failures in a row after which the issuer counts as away, and for how long. */
const failuresUntilAway = 3
const awayMs = 1000

export class IssuerClient {
  readonly #settings: IssuerSettings
  readonly #clock: { monotonic(): number }
  #configuration: Promise<oauth.Configuration> | undefined
  #configuredAt = -Infinity
  #running = 0
  #failures = 0
  #failedAt = -Infinity

  constructor(settings: IssuerSettings, clock: { monotonic(): number }) {
    this.#settings = settings
    this.#clock = clock
  }

  /**
   * Throws `config.invalid` for an address that is not asked, `dependency.verifier_overloaded` when too many questions
   * are under way, and an `Error` whose message is for the log when the issuer gives no answer that can be used.
   */
  async introspect(token: string, timeoutMs: number): Promise<Introspected> {
    if (this.#isAway()) throw new Error('it failed several times in a row and is left alone for a second')
    if (this.#running >= maxRunning) throw new SluiceError('dependency.verifier_overloaded', { detail: 'Too many tokens wait for their issuer' })
    this.#running++
    try {
      const answer = await this.#ask(token, timeoutMs)
      this.#failures = 0
      return answer
    } catch (error) {
      this.#failures++
      this.#failedAt = this.#clock.monotonic()
      throw error
    } finally {
      this.#running--
    }
  }

  #isAway(): boolean {
    return this.#failures >= failuresUntilAway && this.#clock.monotonic() - this.#failedAt < awayMs
  }

  async #ask(token: string, timeoutMs: number): Promise<Introspected> {
    const configuration = await this.#configured(timeoutMs)
    configuration.timeout = timeoutMs / 1000
    const { active, ...members } = await oauth.tokenIntrospection(configuration, token, { token_type_hint: 'access_token' })
    return active ? { active, members } : { active }
  }

  /** Metadata that is old stays in use while no newer can be had. */
  async #configured(timeoutMs: number): Promise<oauth.Configuration> {
    const before = this.#configuration
    if (before !== undefined && this.#clock.monotonic() - this.#configuredAt < metadataFreshMs) return before
    this.#configuredAt = this.#clock.monotonic()
    const found = this.#configure(timeoutMs)
    const kept = found.catch((error: unknown) => {
      this.#configuration = before
      if (before === undefined) {
        this.#configuredAt = -Infinity
        throw error
      }
      return before
    })
    this.#configuration = kept
    return kept
  }

  async #configure(timeoutMs: number): Promise<oauth.Configuration> {
    const { introspectionUrl, issuer, clientId, clientSecret, secretInBody, insecure } = this.#settings
    const authentication = secretInBody ? oauth.ClientSecretPost(clientSecret) : oauth.ClientSecretBasic(clientSecret)
    const metadata = introspectionUrl === '' ? await discover(issuer, insecure, timeoutMs) : { issuer: issuer || introspectionUrl, introspection_endpoint: introspectionUrl }
    if (metadata.introspection_endpoint === undefined) throw new Error('its metadata names no introspection_endpoint')
    checkAddress(metadata.introspection_endpoint, insecure)
    const configuration = new oauth.Configuration(metadata, clientId, undefined, authentication)
    configuration[oauth.customFetch] = boundedFetch
    // Whether plain HTTP may be spoken was decided above, by where the issuer is.
    oauth.allowInsecureRequests(configuration)
    return configuration
  }
}

/** OpenID Connect's place for metadata, then that of RFC 8414. The issuer that it names must be the one that was asked for. */
async function discover(issuer: string, insecure: boolean, timeoutMs: number): Promise<oauth.ServerMetadata> {
  const url = checkAddress(issuer, insecure)
  const options = { timeout: timeoutMs / 1000, [oauth.customFetch]: boundedFetch, execute: [oauth.allowInsecureRequests] }
  const find = (algorithm: 'oidc' | 'oauth2') => oauth.discovery(url, 'metadata', undefined, oauth.None(), { ...options, algorithm })
  const found = await find('oidc').catch(() => find('oauth2'))
  return found.serverMetadata()
}

function checkAddress(address: string, insecure: boolean): URL {
  try {
    return checkedUrl(address, insecure)
  } catch (error) {
    throw new SluiceError('config.invalid', { detail: `the issuer's address: ${(error as Error).message}`, cause: error })
  }
}
