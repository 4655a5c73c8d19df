// AU2 with another issuer than that of every run: Keycloak. Login and log-out of a browser, log-out by the issuer, its tokens by key set and
// by introspection, and a token of the gateway's own for an upstream.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { echo, startUpstream, waitUntil } from '@sluice/testkit'
import { keycloakAdmin, start as startKeycloak } from '../infra/local/keycloak.ts'
import { type Echoed, echoOf, refusalOf } from './actors/ask.ts'
import { openBrowser, type Page } from './actors/browser.ts'
import { bearer } from './cases/signed-tokens.ts'
import { startEmbedded } from './modes/embedded.ts'

const realm = 'sluice'
const secret = 'the gateway and its Keycloak share this'
const user = { name: 'alice', password: 'the password of alice' }

function realmDocument(origin: string): object {
  return {
    realm,
    enabled: true,
    sslRequired: 'none',
    accessTokenLifespan: 60,
    clients: [{
      clientId: 'gateway', secret, enabled: true, protocol: 'openid-connect', publicClient: false, standardFlowEnabled: true, serviceAccountsEnabled: true, clientAuthenticatorType: 'client-secret',
      redirectUris: [`${origin}/oauth2/callback`],
      attributes: { 'post.logout.redirect.uris': `${origin}/bye`, 'backchannel.logout.url': `${origin}/oauth2/backchannel`, 'backchannel.logout.session.required': 'true', 'pkce.code.challenge.method': 'S256' },
    }],
    users: [{ username: user.name, enabled: true, email: 'alice@example.com', firstName: 'Alice', lastName: 'Example', emailVerified: true, credentials: [{ type: 'password', value: user.password, temporary: false }] }],
  }
}

const consumerIn = async (page: Page) => (JSON.parse(await page.locator('body').innerText()) as Echoed).headers['x-consumer-name']

async function logIn(page: Page): Promise<void> {
  await page.fill('#username', user.name)
  await page.fill('#password', user.password)
  await Promise.all([page.waitForURL((url) => !url.pathname.startsWith('/realms/')), page.click('#kc-login')])
}

async function formOf(url: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Record<string, string>> {
  const response = await fetch(url, { method: 'POST', headers, body: new URLSearchParams(fields) })
  assert.ok(response.ok, `${url}: ${response.status} ${await response.clone().text()}`)
  return (await response.json()) as Record<string, string>
}

/** An administrator of the issuer ends all sessions of the user. */
async function logOutAtIssuer(url: string): Promise<void> {
  const { access_token: token } = await formOf(`${url}/realms/master/protocol/openid-connect/token`, { grant_type: 'password', client_id: 'admin-cli', ...keycloakAdmin })
  const headers = { authorization: `Bearer ${token}` }
  const [found] = (await (await fetch(`${url}/admin/realms/${realm}/users?username=${user.name}`, { headers })).json()) as { id: string }[]
  const { status } = await fetch(`${url}/admin/realms/${realm}/users/${found?.id}/logout`, { method: 'POST', headers })
  assert.equal(status, 204)
}

test('the gateway with Keycloak', async (t) => {
  const browser = await openBrowser(t)
  if (browser === undefined) return
  const system = await startEmbedded(t)
  const origin = system.edges[0]!.url
  const keycloak = await startKeycloak({ realms: [realmDocument(origin)] })
  t.after(() => keycloak.stop())
  const upstream = await startUpstream(t, echo())
  const issuer = `${keycloak.url}/realms/${realm}`
  const client = { issuer, clientId: 'gateway', clientSecret: secret, timeoutMs: 10_000 }
  const login = { ...client, cookieKeys: [randomBytes(32).toString('hex')], scopes: ['profile', 'email'], consumerClaim: 'preferred_username', afterLogout: '/bye', backchannelLogoutPath: '/oauth2/backchannel' }
  const jwt = { issuer, jwksUri: `${issuer}/protocol/openid-connect/certs`, algorithms: ['RS256'], consumerClaim: 'preferred_username' }
  await system.apply({
    upstreams: { echo: { endpoints: [{ url: upstream.url }] } },
    routes: [
      { name: 'bye', match: { path: '/bye' }, policies: [{ 'fixed-response': { body: 'good bye' } }] },
      { name: 'token', match: { path: '/token' }, upstream: 'echo', policies: [{ jwt }] },
      { name: 'opaque', match: { path: '/opaque' }, upstream: 'echo', policies: [{ 'oauth2-introspection': { ...client, consumerClaim: 'preferred_username', cacheSeconds: 0 } }] },
      { name: 'own', match: { path: '/own' }, upstream: 'echo', policies: [{ 'upstream-token': client }] },
      { name: 'app', match: { pathPrefix: '/' }, upstream: 'echo', policies: [{ 'oidc-login': login }] },
    ],
  })
  const page = await (await browser.newContext()).newPage()

  await t.test('a browser logs in, and its session says who it is', async () => {
    await page.goto(`${origin}/app?x=1`)
    await logIn(page)
    assert.deepEqual([page.url(), await consumerIn(page)], [`${origin}/app?x=1`, 'alice'])
  })

  await t.test('an administrator of the issuer ends the session', async () => {
    await logOutAtIssuer(keycloak.url)
    await waitUntil(async () => (await page.goto(`${origin}/app`), page.url().startsWith(issuer)), { timeoutMs: 20_000, what: 'the session to be over' })
  })

  await t.test('logging out ends the session at the issuer, too', async () => {
    await logIn(page)
    assert.equal(await consumerIn(page), 'alice')
    await page.goto(`${origin}/oauth2/logout`)
    assert.deepEqual([page.url(), await page.locator('body').innerText()], [`${origin}/bye`, 'good bye'])
    await page.goto(`${origin}/app`)
    assert.ok(page.url().startsWith(issuer), page.url())
  })

  await t.test('its tokens are good by its key set and by introspection, and one of the gateway is shown to the upstream', async () => {
    const { access_token: token = '' } = await formOf(`${issuer}/protocol/openid-connect/token`, { grant_type: 'client_credentials', client_id: 'gateway', client_secret: secret })
    for (const path of ['/token', '/opaque']) {
      assert.equal((await echoOf(system, path, bearer(token))).headers['x-consumer-name'], 'service-account-gateway')
      assert.equal((await refusalOf(system, path, bearer(`${token}x`))).status, 401)
    }
    const shown = /^Bearer (\S+)$/.exec((await echoOf(system, '/own')).headers['authorization'] ?? '')?.[1]
    assert.equal((await echoOf(system, '/token', bearer(shown ?? ''))).headers['x-consumer-name'], 'service-account-gateway')
  })
})
