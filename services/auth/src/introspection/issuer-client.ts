/**
 * One issuer as one client of it: asks what a token is (RFC 7662), at the address of the settings or the one that the
 * issuer's metadata names.
 */
import * as oauth from 'openid-client'
import { clientConfiguration, type IssuerClientSettings } from '../issuers/client-configuration.ts'
import { IssuerLine } from '../issuers/issuer-line.ts'
import { checkAddress, IssuerMetadata } from '../issuers/issuer-metadata.ts'

export interface IssuerSettings extends Omit<IssuerClientSettings, 'timeoutMs'> {
  /** Empty: where the metadata of `issuer` says. */
  readonly introspectionUrl: string
  readonly issuer: string
  readonly insecure: boolean
}

/** What the issuer says of a token: its members, or that it is not active. */
export type Introspected = { readonly active: true; readonly members: Readonly<Record<string, unknown>> } | { readonly active: false }

export class IssuerClient {
  readonly #settings: IssuerSettings
  readonly #line: IssuerLine
  readonly #metadata: IssuerMetadata

  constructor(settings: IssuerSettings, clock: { monotonic(): number }) {
    this.#settings = settings
    this.#line = new IssuerLine(clock)
    this.#metadata = new IssuerMetadata(settings.issuer, settings.insecure, clock)
  }

  /**
   * Throws `config.invalid` for an address that is not asked, `dependency.verifier_overloaded` when too many questions
   * are under way, and an `Error` whose message is for the log when the issuer gives no answer that can be used.
   */
  introspect(token: string, timeoutMs: number): Promise<Introspected> {
    return this.#line.ask(async () => {
      const configuration = await this.#configure(timeoutMs)
      const { active, ...members } = await oauth.tokenIntrospection(configuration, token, { token_type_hint: 'access_token' })
      return active ? { active, members } : { active }
    })
  }

  async #configure(timeoutMs: number): Promise<oauth.Configuration> {
    const { introspectionUrl, issuer, insecure } = this.#settings
    const metadata = introspectionUrl === '' ? await this.#metadata.get(timeoutMs) : { issuer: issuer || introspectionUrl, introspection_endpoint: introspectionUrl }
    if (metadata.introspection_endpoint === undefined) throw new Error('its metadata names no introspection_endpoint')
    checkAddress(metadata.introspection_endpoint, insecure)
    return clientConfiguration(metadata, { ...this.#settings, timeoutMs })
  }
}
