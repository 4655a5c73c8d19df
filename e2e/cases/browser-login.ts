// AU2: login of browsers (OpenID Connect, code + PKCE) at a real identity provider, in a real Chromium
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { echo, fetchOnce, freePort, makeCertificate, startUpstream, waitUntil } from '@sluice/testkit'
import { startIdentityProvider, webClient } from '../../services/auth/test/identity-provider.ts'
import { type Echoed, refusalOf } from '../actors/ask.ts'
import { cookieField, logInAs, openBrowser, type Page } from '../actors/browser.ts'
import { makeConsumer } from '../actors/consumers.ts'
import type { Config } from '../modes/system.ts'
import type { Case } from './case.ts'

const open = { headers: { 'sec-fetch-mode': 'navigate' } }
/** What the upstream was sent, as the page shows it. */
const shown = async (page: Page) => JSON.parse(await page.locator('body').innerText()) as Echoed
const consumerIn = async (page: Page) => (await shown(page)).headers['x-consumer-name']

export const browserLogin: Case = {
  name: 'a browser logs in at an issuer',
  async run(system, t) {
    const browser = await openBrowser(t)
    if (browser === undefined) return
    const origins = system.edges.map(({ url }) => url)
    const [origin = ''] = origins
    const securePort = await freePort()
    const secureOrigin = `https://127.0.0.1:${securePort}`
    const provider = await startIdentityProvider(t, { origins: [...origins, secureOrigin], tokenSeconds: 6 })
    const upstream = await startUpstream(t, echo())
    const cookieKey = randomBytes(32).toString('hex')
    for (const secret of [webClient.secret, cookieKey]) system.secrets.add(secret)
    const login = {
      issuer: provider.issuer, clientId: webClient.id, clientSecret: webClient.secret, cookieKeys: [cookieKey], scopes: ['email', 'offline_access'],
      afterLogout: '/bye', backchannelLogoutPath: '/oauth2/backchannel', forwardAccessToken: true,
    }
    const config = {
      upstreams: { echo: { endpoints: [{ url: upstream.url }] } },
      groups: [{ name: 'staff' }],
      routes: [
        { name: 'bye', match: { path: '/bye' }, policies: [{ 'fixed-response': { body: 'good bye' } }] },
        { name: 'app', match: { pathPrefix: '/' }, upstream: 'echo', policies: [{ 'oidc-login': login }] },
        { name: 'staff', match: { path: '/staff' }, upstream: 'echo', policies: [{ 'oidc-login': login }, { acl: { allow: { groups: ['staff'] } } }] },
      ],
    }
    await system.apply(config)
    await makeConsumer(system, 'login-alice', { groups: ['staff'], credentials: [{ jwtSubject: 'alice' }] })
    const context = await browser.newContext()
    const page = await context.newPage()

    await t.test('it is sent to the issuer, and comes back to the page that it wanted', async () => {
      await page.goto(`${origin}/welcome?x=1&y=%2F`)
      assert.ok(page.url().startsWith(`${provider.issuer}/interaction/`), page.url())
      await logInAs(page, 'alice')
      assert.equal(page.url(), `${origin}/welcome?x=1&y=%2F`)
      const { url, headers } = await shown(page)
      assert.deepEqual([url, headers['x-consumer-name']], ['/welcome?x=1&y=%2F', 'login-alice'])
      assert.equal(headers['cookie']?.includes('sluice') ?? false, false)
      const [, accessToken = ''] = /^Bearer (\S+)$/.exec(headers['authorization'] ?? '') ?? []
      assert.notEqual(accessToken, '')
      for (const secret of [accessToken, ...(await context.cookies(origin)).filter(({ name }) => name.startsWith('sluice-')).map(({ value }) => value)]) system.secrets.add(secret)
    })

    await t.test('its session is no script\'s to read, holds on every edge, and is who its user is', async () => {
      const cookies = (await context.cookies(origin)).filter(({ name }) => name.startsWith('sluice-session'))
      assert.ok(cookies.length > 0)
      for (const { httpOnly, sameSite } of cookies) assert.deepEqual([httpOnly, sameSite], [true, 'Lax'])
      assert.equal(await page.evaluate('document.cookie'), '')
      for (const each of origins) {
        await page.goto(`${each}/staff`)
        assert.equal(await consumerIn(page), 'login-alice')
      }
      assert.equal(await page.evaluate(`fetch('/changes', { method: 'POST', body: 'x' }).then((answer) => answer.status)`), 200)
    })

    await t.test('without one, what a page fetches is 401, and a login cannot be completed from elsewhere', async () => {
      for (const options of [{}, { method: 'POST', headers: open.headers }]) {
        const { status, answer } = await refusalOf(system, '/api', options)
        assert.deepEqual([status, answer.headers['www-authenticate']], [401, 'Cookie realm="sluice"'])
      }
      const begun = await fetchOnce(origin, { ...open, path: '/app' })
      const state = new URL(String(begun.headers['location'])).searchParams.get('state')
      for (const query of [`code=x&state=${state}`, 'code=x&state=forged', '']) assert.equal((await refusalOf(system, `/oauth2/callback?${query}`, open)).reason, 'policy.login_failed')
    })

    await t.test('tokens are renewed while it goes on, once for requests that come together', async () => {
      const sessionNow = async () => (await context.cookies(origin)).find(({ name }) => name === 'sluice-session')?.value
      const before = await sessionNow()
      const together = `Promise.all(Array.from({ length: 10 }, () => fetch('/api').then((answer) => answer.status)))`
      const isRenewed = async () => {
        assert.deepEqual(await page.evaluate(together), Array.from({ length: 10 }, () => 200))
        return (await sessionNow()) !== before
      }
      await waitUntil(isRenewed, { timeoutMs: 30_000, what: 'the session to be renewed' })
      await page.goto(`${origin}/app`)
      assert.equal(await consumerIn(page), 'login-alice')
    })

    await t.test('logging out ends it here and at the issuer; a copy of its cookies is worth nothing on any edge', async () => {
      const copy = { headers: { ...open.headers, cookie: await cookieField(context, origin) } }
      for (const each of origins) assert.equal((await fetchOnce(each, { ...copy, path: '/app' })).status, 200)
      await page.goto(`${origin}/oauth2/logout`)
      assert.ok(page.url().startsWith(`${provider.issuer}/session/end`), page.url())
      await Promise.all([page.waitForURL(`${origin}/bye`), page.click('button')])
      assert.equal(await page.locator('body').innerText(), 'good bye')
      for (const each of origins) await waitUntil(async () => (await fetchOnce(each, { ...copy, path: '/app' })).status === 302, { what: 'the copy to be refused' })
      await page.goto(`${origin}/app`)
      assert.ok(page.url().startsWith(`${provider.issuer}/interaction/`), page.url())
    })

    await t.test('a user who logs out at the issuer is logged out everywhere', async () => {
      const [here, elsewhere] = await Promise.all([context, await browser.newContext()].map((one) => one.newPage()))
      for (const one of [here!, elsewhere!]) {
        await one.goto(`${origin}/app`)
        await logInAs(one, 'bob')
      }
      await here!.goto(`${provider.issuer}/session/end`)
      await here!.click('button')
      for (const each of origins) {
        const isOut = async () => (await here!.goto(`${each}/app`), here!.url().startsWith(provider.issuer))
        await waitUntil(isOut, { what: 'the session to be over' })
        await elsewhere!.goto(`${each}/app`)
        assert.equal(await consumerIn(elsewhere!), 'bob')
      }
      assert.equal((await fetchOnce(origin, { path: '/oauth2/backchannel', method: 'POST', body: 'logout_token=forged', headers: { 'content-type': 'application/x-www-form-urlencoded' } })).status, 400)
    })

    // Two edges on one machine cannot both listen there.
    if (system.mode === 'embedded') await t.test('over https its cookies are for this host and for https alone, and the browser takes them', async () => {
      const { cert, key } = makeCertificate({ names: ['127.0.0.1'] })
      for (const [name, text] of [['login-cert.pem', cert], ['login-key.pem', key]] as const) writeFileSync(join(system.directory, name), text)
      const { http } = (system.complete({}) as { listeners: { http: object } }).listeners
      const https = { address: `127.0.0.1:${securePort}`, certificates: [{ certFile: join(system.directory, 'login-cert.pem'), keyFile: join(system.directory, 'login-key.pem') }] }
      await system.apply({ ...config, listeners: { http, https } } as Config)
      const secure = await browser.newContext({ ignoreHTTPSErrors: true })
      const one = await secure.newPage()
      await one.goto(`${secureOrigin}/app`)
      await logInAs(one, 'dave')
      assert.deepEqual([one.url(), await consumerIn(one)], [`${secureOrigin}/app`, 'dave'])
      const kept = (await secure.cookies(secureOrigin)).filter(({ name }) => name.includes('sluice-session'))
      assert.deepEqual(kept.map(({ name, secure: isSecure, path, httpOnly }) => [name, isSecure, path, httpOnly]).sort(), [['__Host-sluice-session', true, '/', true], ['__Host-sluice-session-login', true, '/', true]])
      await system.apply(config)
    })

    await t.test('a user whom the issuer refuses is told so, and not sent round and round', async () => {
      const refused = await (await browser.newContext()).newPage()
      await refused.goto(`${origin}/app`)
      await logInAs(refused, 'nobody')
      assert.match(await refused.locator('body').innerText(), /policy\.login_failed/)
    })

    await t.test('while the issuer is away sessions go on, and new logins are 503', async () => {
      const known = await browser.newContext()
      const one = await known.newPage()
      await one.goto(`${origin}/app`)
      await logInAs(one, 'carol')
      await provider.leave()
      for (const edge of system.edges) await waitUntil(async () => (await fetchOnce(edge.url, { ...open, path: '/app' })).status === 503, { timeoutMs: 60_000, what: 'logins to be refused' })
      assert.equal((await refusalOf(system, '/app', open)).reason, 'dependency.issuer_unreachable')
      for (const each of origins) {
        await one.goto(`${each}/app`)
        assert.equal(await consumerIn(one), 'carol')
      }
      await provider.come()
      for (const edge of system.edges) await waitUntil(async () => (await fetchOnce(edge.url, { ...open, path: '/app' })).status === 302, { what: 'the issuer to be asked again' })
    })
  },
}
