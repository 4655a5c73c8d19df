import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { AuthDouble } from './auth-double.ts'
import { makeSurroundings, startControl } from './control-under-test.ts'

const issuer = 'https://id.example'

async function controlWithAuth(context: TestContext) {
  const surroundings = await makeSurroundings(context)
  const auth = new AuthDouble(surroundings.bus)
  context.after(() => auth.stop())
  return { ...surroundings, auth, control: await startControl(context, surroundings) }
}

interface Told {
  readonly version: number
  readonly issuer: string
  readonly jti?: string
  readonly subject?: string
  readonly issuedBefore?: string
  readonly expiresAt: string
}

test('a token is revoked by its jti until it would have expired, told, listed and lifted', async (context) => {
  const { control } = await controlWithAuth(context)
  const expiresAt = new Date(Date.now() + 3_600_000).toISOString()
  const made = await control.call('POST', '/v1/revocations', { issuer, jti: 'a', expiresAt })
  assert.deepEqual([made.status, made.json()], [201, { version: 1, issuer, jti: 'a', expiresAt }])
  assert.deepEqual(await control.json('GET', '/v1/revocations'), { items: [{ issuer, jti: 'a', expiresAt }], next: null })
  const where = `/v1/revocations?issuer=${encodeURIComponent(issuer)}&jti=a`
  assert.equal((await control.call('DELETE', where)).status, 204)
  const again = await control.call('DELETE', where)
  assert.deepEqual([again.status, again.json<{ detail: string }>().detail], [404, `The token "a" is not revoked, as of the issuer "${issuer}"`])
})

test('tokens of a subject are revoked from before now, for 30 days, unless it is said otherwise', async (context) => {
  const { control } = await controlWithAuth(context)
  const from = Date.now()
  const { issuedBefore = '', expiresAt, ...rest } = await control.json<Told>('POST', '/v1/revocations', { issuer, subject: 'alice' })
  assert.deepEqual(rest, { version: 1, issuer, subject: 'alice' })
  assert.ok(Date.parse(issuedBefore) >= from && Date.parse(issuedBefore) <= Date.now())
  assert.equal(Date.parse(expiresAt) - Date.parse(issuedBefore), 30 * 86_400_000)
  const said = await control.json<Told>('POST', '/v1/revocations', { subject: 'alice', issuedBefore: '2020-01-01T01:00:00+01:00' })
  assert.deepEqual([said.issuer, said.issuedBefore], ['', '2020-01-01T00:00:00.000Z'])
  assert.equal((await control.call('DELETE', `/v1/revocations?issuer=${encodeURIComponent(issuer)}&subject=alice&wait=all`)).status, 200)
  assert.deepEqual((await control.json<{ items: Told[] }>('GET', '/v1/revocations')).items.map((one) => one.issuer), [''])
})

test('they are listed page by page', async (context) => {
  const { control } = await controlWithAuth(context)
  for (const jti of ['ä', 'b c&d', 'a']) await control.json('POST', '/v1/revocations', { issuer, jti })
  const seen: (string | undefined)[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: { items: Told[]; next: string | null } = await control.json('GET', `/v1/revocations?limit=1${cursor && `&cursor=${encodeURIComponent(cursor)}`}`)
    seen.push(...page.items.map(({ jti }) => jti))
    cursor = page.next
  }
  assert.deepEqual(seen, ['a', 'b c&d', 'ä'])
})

test('what cannot be a revocation is told with its place', async (context) => {
  const { control, auth } = await controlWithAuth(context)
  const wrong = [{}, { jti: 'a', subject: 'b' }, { jti: '' }, { jti: 'a', issuedBefore: '2020-01-01T00:00:00Z' }, { jti: 'a', expiresAt: 'soon' }, { jti: 'a', expiresAt: '2020-01-01T00:00:00Z' }]
  for (const body of wrong) {
    const { status, json } = await control.call('POST', '/v1/revocations', body)
    assert.equal(status, 400, JSON.stringify(body))
    assert.ok(json<{ problems: object[] }>().problems.length > 0, JSON.stringify(body))
  }
  for (const query of ['', '?jti=a&subject=b', '?jti=a&sub=b']) assert.equal((await control.call('DELETE', `/v1/revocations${query}`)).status, 400, query)
  assert.equal(auth.revoked.size, 0)
})

test('while auth is away nothing is revoked, and that is said', async (context) => {
  const { control, auth } = await controlWithAuth(context)
  auth.stop()
  const refused = await control.call('POST', '/v1/revocations', { issuer, jti: 'a' })
  assert.deepEqual([refused.status, refused.json<{ reason: string }>().reason], [503, 'dependency.auth_unreachable'])
})
