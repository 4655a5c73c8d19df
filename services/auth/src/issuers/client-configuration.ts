import * as oauth from 'openid-client'
import { boundedFetch } from './bounded-fetch.ts'

/** Who asks an issuer, and how long it waits. */
export interface IssuerClientSettings {
  readonly clientId: string
  readonly clientSecret: string
  /** In the form; otherwise in `Authorization` (RFC 6749 §2.3.1). */
  readonly secretInBody: boolean
  readonly timeoutMs: number
}

/** What `openid-client` asks with. Whether plain HTTP may be spoken is decided before, by where the issuer is (`checkAddress`). */
export function clientConfiguration(metadata: oauth.ServerMetadata, { clientId, clientSecret, secretInBody, timeoutMs }: IssuerClientSettings): oauth.Configuration {
  const authentication = secretInBody ? oauth.ClientSecretPost(clientSecret) : oauth.ClientSecretBasic(clientSecret)
  const configuration = new oauth.Configuration(metadata, clientId, undefined, authentication)
  configuration[oauth.customFetch] = boundedFetch
  configuration.timeout = timeoutMs / 1000
  oauth.allowInsecureRequests(configuration)
  return configuration
}
