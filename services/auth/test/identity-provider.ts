/** A real identity provider in this process: what it is asked is counted, and it can be made to fail in front of its own code. */
import { generateKeyPairSync } from 'node:crypto'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Cleanup } from '@sluice/testkit'
import { Provider } from 'oidc-provider'
import { addTokenExchange, exchangeGrant } from './token-exchange.ts'
import { logoutFeature, userSettings, withUserPages } from './user-pages.ts'

/** What browsers log in through. */
export const webClient = { id: 'web', secret: 'the web client has this secret' }
export const gatewayClient = { id: 'gateway', secret: 'the gateway: secret + to its issuer / 1' }
const machine = { id: 'machine', secret: 'the machine client has this secret' }

/** What it does instead of answering. */
export type Trouble = 'refuses' | 'hangs' | 'nonsense' | undefined

export interface IdentityProvider {
  readonly issuer: string
  readonly introspectionUrl: string
  /** Introspections that it was asked for. */
  readonly asked: number
  readonly tokenUrl: string
  /** Tokens that it was asked for. */
  readonly tokensAsked: number
  trouble: Trouble
  /** An access token by client credentials (RFC 6749 §4.4), with these scopes. */
  accessToken(scopes?: string): Promise<string>
  /** RFC 7009 */
  revoke(token: string): Promise<void>
  /** Takes no more connections and ends those that are open; `come` listens at the same port again. */
  leave(): Promise<void>
  come(): Promise<void>
}

export interface ProviderOptions {
  readonly tokenSeconds?: number
  /** Where browsers meet the gateway; the first one hears of users that log out. */
  readonly origins?: readonly string[]
}

export async function startIdentityProvider(t: Cleanup, options: ProviderOptions = {}): Promise<IdentityProvider> {
  const door = new Door()
  await door.listen(0)
  t.after(() => door.close())
  const issuer = `http://127.0.0.1:${door.port}`
  door.handle = createProvider(issuer, options)
  const form = async (path: string, fields: Record<string, string>): Promise<string> => {
    const authorization = `Basic ${Buffer.from(`${machine.id}:${encodeURIComponent(machine.secret)}`).toString('base64')}`
    const response = await fetch(issuer + path, { method: 'POST', headers: { authorization }, body: new URLSearchParams(fields) })
    const text = await response.text()
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`)
    return text
  }
  return {
    issuer,
    introspectionUrl: `${issuer}/token/introspection`,
    tokenUrl: `${issuer}/token`,
    get tokensAsked() {
      return door.tokensAsked
    },
    get asked() {
      return door.asked
    },
    get trouble() {
      return door.trouble
    },
    set trouble(trouble) {
      door.trouble = trouble
    },
    async accessToken(scopes = 'orders:read') {
      return (JSON.parse(await form('/token', { grant_type: 'client_credentials', scope: scopes })) as { access_token: string }).access_token
    },
    async revoke(token) {
      await form('/token/revocation', { token })
    },
    leave: () => door.close(),
    come: () => door.listen(door.port),
  }
}

class Door {
  asked = 0
  tokensAsked = 0
  trouble: Trouble
  handle: RequestListener = () => undefined
  port = 0
  #server: Server | undefined

  async listen(port: number): Promise<void> {
    const server = createServer((request, response) => this.#answer(request, response))
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, '127.0.0.1', resolve))
    this.#server = server
    this.port = (server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (request.url === '/token') this.tokensAsked++
    if (request.url !== '/token/introspection') return this.handle(request, response)
    this.asked++
    if (this.trouble === 'hangs') return
    if (this.trouble === 'refuses') response.writeHead(500).end('no')
    else if (this.trouble === 'nonsense') response.writeHead(200, { 'content-type': 'application/json' }).end('{"active":"yes"}')
    else this.handle(request, response)
  }
}

function createProvider(issuer: string, { tokenSeconds = 600, origins = [] }: ProviderOptions): RequestListener {
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' })
  const client = (one: { id: string; secret: string }) => ({ client_id: one.id, client_secret: one.secret, grant_types: ['client_credentials', exchangeGrant], redirect_uris: [], response_types: [] })
  const provider = new Provider(issuer, {
    ...userSettings,
    clients: [client(machine), client(gatewayClient), ...(origins.length > 0 ? [webClientAt(origins)] : [])] as never,
    jwks: { keys: [{ ...key, kid: 'one', use: 'sig' }] } as never,
    cookies: { keys: ['of tests'] },
    scopes: ['openid', 'offline_access', 'orders:read', 'orders:write'],
    ttl: { ClientCredentials: tokenSeconds, AccessToken: tokenSeconds },
    features: {
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: logoutFeature,
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true, allowedPolicy: () => true },
    },
  })
  addTokenExchange(provider)
  return withUserPages(provider)
}

function webClientAt(origins: readonly string[]): object {
  return {
    client_id: webClient.id,
    client_secret: webClient.secret,
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: origins.map((origin) => `${origin}/oauth2/callback`),
    post_logout_redirect_uris: origins.map((origin) => `${origin}/bye`),
    backchannel_logout_uri: `${origins[0]}/oauth2/backchannel`,
    backchannel_logout_session_required: true,
  }
}
