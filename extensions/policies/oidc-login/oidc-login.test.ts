import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { suite, test } from 'node:test'
import { type ExchangeChanges, exchangeOf, fieldValues, identityOf, partsFor, refusalOf } from '../exchange.contract.ts'
import type { Exchange } from '../exchange.ts'
import { policyContract, problemsOf, settingsOf } from '../policy.contract.ts'
import type { Answer, HookResult, LoginFacts, LoginOutcome, Logins, LoginTokens, Policy } from '../policy.ts'
import * as module from './oidc-login.ts'
import { schema } from './schema.ts'

const base = { issuer: 'https://id.example.com', clientId: 'gateway', clientSecret: 'env:ISSUER_SECRET', cookieKeys: ['0123456789abcdef0123456789abcdef'] }
policyContract({ schema, module, from: import.meta.url, examples: [base], required: 'issuer' })

const issuer = 'https://id.example.com'
const good: LoginTokens = {
  claims: { iss: issuer, sub: 'alice', sid: 's1', email: 'alice@example.com', nonce: 'n', other: 'not kept' },
  idToken: 'id.token.1', accessToken: 'access-1', refreshToken: 'refresh-1', expiresInSeconds: 100, sessionNames: ['session:of-the-issuer-0001'],
}
const host = ['Host', 'app.example.com']
const page = [...host, 'Sec-Fetch-Mode', 'navigate']

/** A browser at one route: it keeps its cookies, and time passes when it is told to. */
class Browser {
  readonly cookies = new Map<string, string>()
  readonly ended = new Set<string>()
  readonly asked: string[] = []
  readonly redeemed: LoginFacts[] = []
  outcome: LoginOutcome = { outcome: 'tokens', tokens: good }
  refreshed: LoginOutcome = { outcome: 'tokens', tokens: { ...good, claims: undefined, accessToken: 'access-2', refreshToken: 'refresh-2' } }
  isIssuerThere = true
  nowMs = 1_000_000
  settings: Record<string, unknown>
  readonly scheme: string
  #compiled: { readonly settings: object; readonly policy: Policy } | undefined

  constructor(settings: Record<string, unknown> = {}, scheme = 'https') {
    this.settings = settings
    this.scheme = scheme
  }

  async open(path: string, changes: ExchangeChanges = {}): Promise<{ exchange: Exchange; result: HookResult }> {
    const [pathname = '', query = ''] = path.split('?')
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = [...(changes.headers ?? page), ...(cookie === '' ? [] : ['Cookie', `${cookie}; theme=dark`])]
    const exchange = exchangeOf({ path: pathname, query, client: { scheme: this.scheme }, ...changes, headers })
    const result = await this.#policy().onRequest!(exchange)
    for (const field of [...exchange.responseFields.filter((_, at) => exchange.responseFields[at - 1] === 'Set-Cookie'), ...fieldValues(result?.headers, 'Set-Cookie')]) this.#keep(field)
    return { exchange, result }
  }

  /** The whole way through the issuer; answers where the browser ends up. */
  async login(path = '/app?x=1'): Promise<string> {
    const state = authorizationOf(await this.open(path)).get('state')
    return locationOf(await this.open(`/oauth2/callback?code=c1&state=${state}`))
  }

  logins(): Partial<Logins> {
    const away = { outcome: 'unavailable', code: 'dependency.issuer_unreachable' } as const
    return {
      endpoints: async () => (this.isIssuerThere ? { authorizationEndpoint: `${issuer}/authorize?tenant=7`, endSessionEndpoint: `${issuer}/logout` } : away),
      redeem: async (facts, from) => (this.redeemed.push(facts), this.asked.push(`redeem from ${from}`), this.isIssuerThere ? this.outcome : away),
      refresh: async (token, subject) => (this.asked.push(`refresh ${token} of ${subject}`), this.isIssuerThere ? this.refreshed : away),
      hasEnded: (names) => names.some((name) => this.ended.has(name)),
      end: async (names) => (names.forEach((name) => this.ended.add(name)), true),
      endByIssuer: async (token) => (this.asked.push(`logout ${token}`), token === 'good' ? { outcome: 'ended' } : { outcome: 'refused', reason: 'bad_signature' }),
    }
  }

  #policy(): Policy {
    if (this.#compiled?.settings === this.settings) return this.#compiled.policy
    const identified = (sub: string) => ({ outcome: 'valid', identity: identityOf({ consumer: sub, method: 'oidc-login' }) }) as const
    const parts = partsFor('oidc-login', { logins: this.logins(), clock: { now: () => this.nowMs, monotonic: () => this.nowMs }, verdict: identified })
    const policy = module.compile(settingsOf(schema, { ...base, ...this.settings }), parts)
    this.#compiled = { settings: this.settings, policy }
    return policy
  }

  #keep(field: string): void {
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(field) ?? []
    if (field.includes('Max-Age=0')) this.cookies.delete(name)
    else this.cookies.set(name, value)
  }
}

function locationOf({ result }: { result: HookResult }): string {
  assert.ok(result?.kind === 'answer' && result.status === 302, `no redirect, but ${JSON.stringify(result)}`)
  assert.deepEqual(fieldValues(result.headers, 'Cache-Control'), ['no-store'])
  return fieldValues(result.headers, 'Location')[0]!
}

function authorizationOf(opened: { result: HookResult }): URLSearchParams {
  const url = new URL(locationOf(opened))
  assert.equal(url.origin + url.pathname, `${issuer}/authorize`)
  return url.searchParams
}

suite('logging in', () => {
  test('a page is opened at the issuer first, with PKCE, a nonce and a state; the code is redeemed with what belongs to it', async () => {
    const browser = new Browser({ scopes: ['profile', 'openid'], parameters: { prompt: 'consent' } })
    const asked = authorizationOf(await browser.open('/app/page?x=1&y=%2F'))
    assert.deepEqual(
      ['tenant', 'response_type', 'client_id', 'redirect_uri', 'scope', 'prompt', 'code_challenge_method'].map((name) => asked.get(name)),
      ['7', 'code', 'gateway', 'https://app.example.com/oauth2/callback', 'openid profile', 'consent', 'S256'],
    )
    const state = asked.get('state')!
    const back = await browser.open(`/oauth2/callback?code=c1&state=${state}&iss=https%3A%2F%2Fid.example.com`)
    assert.equal(locationOf(back), 'https://app.example.com/app/page?x=1&y=%2F')
    const [facts] = browser.redeemed
    assert.equal(facts?.callbackUrl, `https://app.example.com/oauth2/callback?code=c1&state=${state}&iss=https%3A%2F%2Fid.example.com`)
    assert.deepEqual([facts?.state, facts?.nonce], [state, asked.get('nonce')])
    assert.equal(createHash('sha256').update(facts!.codeVerifier).digest('base64url'), asked.get('code_challenge'))
    assert.ok(facts!.codeVerifier.length >= 43)
  })

  test('then requests say who is calling, and the upstream sees none of the cookies', async () => {
    const browser = new Browser()
    await browser.login()
    const { exchange, result } = await browser.open('/app')
    assert.equal(result, undefined)
    assert.equal(exchange.identity?.consumer, 'alice')
    assert.deepEqual(exchange.request.headers.getAll('cookie'), ['theme=dark'])
    assert.equal(exchange.request.headers.get('authorization'), undefined)
  })

  test('cookies are bound to this host and https, and closed to scripts and other sites; over plain http they have other names', async () => {
    const [secure, plain] = [new Browser(), new Browser({ insecure: true }, 'http')]
    for (const browser of [secure, plain]) await browser.login()
    assert.deepEqual([...secure.cookies.keys()].sort(), ['__Host-sluice-session', '__Host-sluice-session-login'])
    assert.deepEqual([...plain.cookies.keys()].sort(), ['sluice-session', 'sluice-session-login'])
    const { result } = await new Browser().open('/app')
    assert.match(fieldValues(result?.headers, 'Set-Cookie')[0]!, /^__Host-sluice-session-login=[\w-]{22}; Max-Age=900; Path=\/; HttpOnly; SameSite=Lax; Secure$/)
    const copied = new Browser({ insecure: true }, 'http')
    copied.cookies.set('sluice-session', secure.cookies.get('__Host-sluice-session')!)
    copied.cookies.set('__Host-sluice-session', secure.cookies.get('__Host-sluice-session')!)
    assert.equal((await copied.open('/app')).result, undefined)
  })

  test('a cookie that was changed, or made for another client of the issuer, is none', async () => {
    const browser = new Browser()
    await browser.login()
    const value = browser.cookies.get('__Host-sluice-session')!
    for (const [settings, cookie] of [[{}, `${value.slice(0, -3)}AAA`], [{}, `1${randomBytes(90).toString('base64url')}`], [{ clientId: 'another' }, value], [{}, '']] as const) {
      browser.settings = settings
      browser.cookies.set('__Host-sluice-session', cookie)
      authorizationOf(await browser.open('/app'))
    }
  })

  test('several tabs log in at once', async () => {
    const browser = new Browser()
    const states: (string | null)[] = []
    for (const path of ['/one', '/two', '/three']) states.push(authorizationOf(await browser.open(path)).get('state'))
    for (const [index, path] of ['/one', '/two', '/three'].entries()) assert.equal(locationOf(await browser.open(`/oauth2/callback?code=c&state=${states[index]}`)), `https://app.example.com${path}`)
  })

  test('a login that another browser began, or that began too long ago, is not completed', async () => {
    const [victim, attacker] = [new Browser(), new Browser()]
    const state = authorizationOf(await attacker.open('/app')).get('state')
    await victim.open('/app')
    for (const query of [`code=c&state=${state}`, 'code=c&state=made-up', 'code=c', '']) assert.equal((await refusalOf((await victim.open(`/oauth2/callback?${query}`)).result)).code, 'policy.login_failed', query)
    attacker.nowMs += 901_000
    assert.equal((await refusalOf((await attacker.open(`/oauth2/callback?code=c&state=${state}`)).result)).code, 'policy.login_failed')
    assert.deepEqual([victim.redeemed, attacker.redeemed], [[], []])
  })

  test('what the issuer refuses is told, without another try', async () => {
    const browser = new Browser()
    browser.outcome = { outcome: 'refused', reason: 'access_denied' }
    const state = authorizationOf(await browser.open('/app')).get('state')
    const refusal = await refusalOf((await browser.open(`/oauth2/callback?error=access_denied&state=${state}`)).result)
    assert.deepEqual([refusal.code, refusal.message], ['policy.login_failed', 'The issuer did not complete the login (access_denied); open the page again'])
  })

  test('whatever address a user was going to, the login leads nowhere else', async () => {
    for (const path of ['//evil.example', '/\\evil.example', '/@evil.example', '/%5Cevil.example', `/${'x'.repeat(4000)}`]) {
      const url = new URL(await new Browser().login(path))
      assert.equal(url.host, 'app.example.com', path)
    }
  })

  test('what is no page is not sent to the issuer: 401, and nothing is begun', async () => {
    for (const changes of [{ method: 'POST', headers: page }, { headers: [...host, 'Sec-Fetch-Mode', 'cors', 'Accept', 'text/html'] }, { headers: [...host, 'Accept', 'application/json'] }]) {
      const refusal = await refusalOf((await new Browser().open('/app', changes)).result)
      assert.deepEqual([refusal.code, refusal.withoutCredential, fieldValues(refusal.headers, 'WWW-Authenticate')], ['policy.unauthenticated', true, ['Cookie realm="sluice"']])
    }
    authorizationOf(await new Browser().open('/app', { headers: [...host, 'Accept', 'text/html,*/*'] }))
  })

  test('over plain http nobody logs in from afar', async () => {
    assert.equal((await refusalOf((await new Browser({}, 'http').open('/app')).result)).code, 'policy.forbidden')
    const published = new Browser({ publicUrl: 'https://www.example.com' }, 'http')
    assert.equal(await published.login('/app'), 'https://www.example.com/app')
    assert.ok(published.cookies.has('__Host-sluice-session'))
  })

  test('while the issuer or auth cannot be asked a login is 503, and sessions go on', async () => {
    const [known, unknown] = [new Browser(), new Browser()]
    await known.login()
    for (const browser of [known, unknown]) browser.isIssuerThere = false
    assert.equal((await refusalOf((await unknown.open('/app')).result)).code, 'dependency.issuer_unreachable')
    assert.equal((await known.open('/app')).result, undefined)
  })
})

suite('a session', () => {
  test('ends after its time, counted from the login', async () => {
    const browser = new Browser({ sessionSeconds: 3600 })
    browser.outcome = { outcome: 'tokens', tokens: { ...good, refreshToken: '' } }
    await browser.login()
    browser.nowMs += 3_599_000
    assert.equal((await browser.open('/app')).result, undefined)
    browser.nowMs += 1000
    authorizationOf(await browser.open('/app'))
    assert.deepEqual(browser.asked.filter((one) => one.startsWith('refresh')), [])
  })

  test('gets new tokens before the old ones expire, for the upstream too', async () => {
    const browser = new Browser({ forwardAccessToken: true })
    await browser.login()
    const before = await browser.open('/app')
    assert.equal(before.exchange.request.headers.get('authorization'), 'Bearer access-1')
    browser.nowMs += 80_000
    const { exchange } = await browser.open('/app')
    assert.equal(exchange.request.headers.get('authorization'), 'Bearer access-2')
    assert.equal((await browser.open('/app')).exchange.request.headers.get('authorization'), 'Bearer access-2')
    browser.nowMs += 80_000
    await browser.open('/app')
    assert.deepEqual(browser.asked.filter((one) => one.startsWith('refresh')), ['refresh refresh-1 of alice', 'refresh refresh-2 of alice'])
  })

  test('is over when the issuer gives no new ones, and goes on when it cannot be asked, for a while without asking again', async () => {
    const browser = new Browser()
    await browser.login()
    browser.nowMs += 200_000
    browser.isIssuerThere = false
    for (let times = 0; times < 3; times++) assert.equal((await browser.open('/app')).result, undefined)
    assert.deepEqual(browser.asked.filter((one) => one.startsWith('refresh')), ['refresh refresh-1 of alice'])
    browser.isIssuerThere = true
    browser.refreshed = { outcome: 'refused', reason: 'invalid_grant' }
    browser.nowMs += 11_000
    authorizationOf(await browser.open('/app'))
  })

  test('that was ended somewhere else is none', async () => {
    const browser = new Browser()
    await browser.login()
    browser.ended.add('session:of-the-issuer-0001')
    authorizationOf(await browser.open('/app'))
  })

  test('keeps the claims that were named, and only those', async () => {
    const seen: unknown[] = []
    const browser = new Browser({ claims: ['email'] })
    const { logins } = browser
    browser.logins = () => ({ ...logins.call(browser), identify: (claims) => (seen.push(claims), { outcome: 'valid', identity: identityOf() }) })
    await browser.login()
    await browser.open('/app')
    assert.deepEqual(seen, [{ iss: issuer, sub: 'alice', sid: 's1', email: 'alice@example.com' }])
  })

  test('that is long stands in two cookies; the ID token is left out before that is not enough', async () => {
    for (const [claim, idToken, expected] of [[2500, 500, 'id_token_hint'], [2500, 4000, undefined]] as const) {
      const browser = new Browser({ claims: ['big'] })
      browser.outcome = { outcome: 'tokens', tokens: { ...good, idToken: 'i'.repeat(idToken), claims: { ...good.claims, big: 'x'.repeat(claim) } } }
      await browser.login()
      assert.deepEqual([...browser.cookies.keys()].filter((name) => !name.includes('login')), ['__Host-sluice-session', '__Host-sluice-session.1'])
      for (const [name, value] of browser.cookies) assert.ok(name.length + value.length < 4096 - 100)
      const { result } = await browser.open('/app')
      assert.equal(result, undefined)
      const url = new URL(locationOf(await browser.open('/oauth2/logout')))
      assert.equal(url.searchParams.has('id_token_hint'), expected !== undefined)
      assert.deepEqual([...browser.cookies.keys()], ['__Host-sluice-session-login'])
    }
  })

  test('that is too long for its cookies is said at the login', async () => {
    const browser = new Browser({ claims: ['big'] })
    browser.outcome = { outcome: 'tokens', tokens: { ...good, claims: { ...good.claims, big: 'x'.repeat(8000) } } }
    const state = authorizationOf(await browser.open('/app')).get('state')
    assert.equal((await refusalOf((await browser.open(`/oauth2/callback?code=c&state=${state}`)).result)).message, 'The session is too long to be kept')
  })

  test('opens with the key that was put behind a new one, and is written with the new one from its next refresh on', async () => {
    const browser = new Browser()
    await browser.login()
    const newKey = 'f'.repeat(32)
    browser.settings = { cookieKeys: [newKey, ...base.cookieKeys] }
    assert.equal((await browser.open('/app')).result, undefined)
    browser.nowMs += 90_000
    await browser.open('/app')
    browser.settings = { cookieKeys: [newKey] }
    assert.equal((await browser.open('/app')).result, undefined)
    browser.settings = {}
    authorizationOf(await browser.open('/app'))
  })
})

suite('logging out', () => {
  test('ends the session on all edges, takes the cookies away, and goes on at the issuer', async () => {
    const browser = new Browser({ afterLogout: '/bye' })
    await browser.login()
    const kept = new Map(browser.cookies)
    const url = new URL(locationOf(await browser.open('/oauth2/logout')))
    assert.equal(url.origin + url.pathname, `${issuer}/logout`)
    assert.deepEqual(Object.fromEntries(url.searchParams), { client_id: 'gateway', post_logout_redirect_uri: 'https://app.example.com/bye', id_token_hint: 'id.token.1' })
    assert.ok(!browser.cookies.has('__Host-sluice-session'))
    for (const [name, value] of kept) browser.cookies.set(name, value)
    authorizationOf(await browser.open('/app'))
  })

  test('while nobody can be asked the browser forgets its session all the same', async () => {
    const browser = new Browser()
    await browser.login()
    browser.isIssuerThere = false
    assert.equal(locationOf(await browser.open('/oauth2/logout')), 'https://app.example.com/')
    assert.ok(!browser.cookies.has('__Host-sluice-session'))
  })

  test('another site cannot do it', async () => {
    const browser = new Browser()
    await browser.login()
    const { result } = await browser.open('/oauth2/logout', { headers: [...page, 'Sec-Fetch-Site', 'cross-site'] })
    assert.equal((await refusalOf(result)).code, 'policy.forbidden')
    assert.equal((await browser.open('/app')).result, undefined)
  })

  test('the issuer says which sessions are over, in a form that holds one token', async () => {
    const browser = new Browser({ backchannelLogoutPath: '/oauth2/backchannel' })
    const post = async (body?: string) => (await browser.open('/oauth2/backchannel', { method: 'POST', headers: host, ...(body !== undefined && { body }) })).result as Answer
    assert.equal((await post('logout_token=good')).status, 200)
    for (const body of ['logout_token=forged', 'logout_token=a&logout_token=b', 'x=1', '', undefined]) {
      const { status, body: text } = await post(body)
      assert.deepEqual([status, (JSON.parse(text) as { error: string }).error], [400, 'invalid_request'])
    }
    assert.deepEqual(browser.asked, ['logout good', 'logout forged'])
  })
})

const wrong: readonly (readonly [string, Record<string, unknown>, RegExp])[] = [
  ['an issuer over http from afar', { issuer: 'http://id.example.com' }, /^issuer: .*"insecure: true"/],
  ['a short key', { cookieKeys: ['short'] }, /at least 32 characters/],
  ['no key', { cookieKeys: [] }, /Too small/],
  ['a path on another host', { afterLogout: '//evil.example' }, /a path such as/],
  ['two uses of one path', { logoutPath: '/oauth2/callback' }, /^logoutPath: .*twice/],
  ['a parameter that the gateway sends', { parameters: { state: 'mine' } }, /does not send itself/],
  ['a public URL with a path', { publicUrl: 'https://www.example.com/app' }, /without a path/],
]
for (const [what, settings, message] of wrong) {
  test(`${what} is a problem at check`, () => {
    assert.match(problemsOf(schema, { ...base, ...settings }).join('\n'), message)
  })
}
