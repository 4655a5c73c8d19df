import assert from 'node:assert/strict'
import { it } from 'node:test'
import { answer, type Cleanup, fetchOnce, startUpstream } from '@sluice/testkit'
import { startEdge } from './edge-harness.ts'

const secret = 'a-secret-of-at-least-thirty-two-bytes'
const jwt = { jwt: { keys: [{ kid: 'one', secret, alg: 'HS256' }] } }

async function protectedRoute(t: Cleanup) {
  const upstream = await startUpstream(t, answer(200, 'users'))
  const document = (policies: object[], tests: object[] = []) => ({
    upstreams: { users: { endpoints: [{ url: upstream.url }] } },
    routes: [{ name: 'get-user', match: { path: '/users/{id}', methods: ['GET'] }, upstream: 'users', policies }],
    selfTests: tests,
  })
  return { upstream, document: document as (policies: object[], tests?: object[]) => never }
}

const test = (name: string, request: string | object, expect: object) => ({ name, request: typeof request === 'string' ? { url: request } : request, expect })
const needsToken = test('users-need-a-token', 'https://api.example.com/users/7', { route: 'get-user', status: 401, reason: 'policy.unauthenticated', headers: { 'WWW-Authenticate': '*' } })

it('a revision that is not answered as its self-tests expect is refused, with request, expected and got; the one before goes on', async (t) => {
  const { upstream, document } = await protectedRoute(t)
  const under = await startEdge(t, document([jwt], [needsToken]))
  const report = await under.apply(document([], [needsToken]))
  assert.equal(report.refusal?.pointer, '/selfTests/users-need-a-token')
  assert.equal(report.refusal?.detail, 'self-test "users-need-a-token" (GET https://api.example.com/users/7): expected status 401, got route "get-user": it would be sent to upstream "users"')
  assert.equal((await fetchOnce(`${under.url}/users/7`)).status, 401)
  assert.equal((await under.apply(document([jwt, { cors: { origins: ['*'] } }], [needsToken]))).refusal, undefined)
  assert.equal(upstream.requests.length, 0)
})

it('what can be expected: the route, where it goes, the answer, its reason and its fields', async (t) => {
  const { upstream, document } = await protectedRoute(t)
  const policies = [{ cors: { origins: ['https://app.example.com'] } }, { 'rate-limit': { limit: 1, key: 'ip' } }]
  const tests = [
    test('sent-on', { url: 'http://api.example.com/users/7', address: '127.0.0.1' }, { route: 'get-user', upstream: 'users' }),
    test('nowhere', 'http://api.example.com/nothing', { status: 404, reason: 'client.no_route' }),
    test('not-so', { method: 'DELETE', url: 'http://api.example.com/users/7' }, { status: 405, reason: 'client.method_not_allowed' }),
    test('bad-path', 'http://api.example.com/users/%zz', { status: 400 }),
    test('preflight', { method: 'OPTIONS', url: 'http://api.example.com/users/7', headers: { Origin: 'https://app.example.com', 'Access-Control-Request-Method': 'GET' } }, { status: 204, headers: { 'Access-Control-Allow-Origin': 'https://app.example.com', Via: '1.1 sluice' } }),
  ]
  const under = await startEdge(t, document(policies, tests))
  for (const [name, request, expect, wrong] of [
    ['other-route', 'http://a.example/users/7', { route: 'get-order' }, /expected route "get-order", got route "get-user": it would be sent to upstream "users"/],
    ['other-upstream', 'http://a.example/nothing', { upstream: 'users' }, /expected upstream "users", got no route: it is answered 404 client\.no_route/],
    ['no-field', 'http://a.example/users/%zz', { headers: { 'X-Gone': '*' } }, /expected header "X-Gone: \*", got none by no route: it is answered 400 client\.bad_path/],
  ] as const) {
    const { refusal } = await under.apply(document(policies, [...tests, test(name, request, expect)]))
    assert.match(refusal?.detail ?? '', wrong)
  }
  assert.equal(upstream.requests.length, 0)
  // Nothing was counted: the one request that the limit lets pass is still there.
  assert.equal((await fetchOnce(`${under.url}/users/7`)).body, 'users')
  assert.equal(under.batches.flatMap(({ counts }) => counts).filter(({ route }) => route === '').length, 0)
})

it('a self-test says where its client would be', async (t) => {
  const { document } = await protectedRoute(t)
  const policies = [{ 'ip-restriction': { deny: ['198.51.100.0/24'] } }]
  const tests = [
    test('from-outside', { url: 'http://a.example/users/7', address: '198.51.100.9' }, { status: 403, reason: 'policy.forbidden' }),
    test('from-elsewhere', { url: 'http://a.example/users/7', address: '2001:db8::1' }, { upstream: 'users' }),
  ]
  const under = await startEdge(t, document(policies, tests))
  assert.match((await under.apply(document([], tests))).refusal?.detail ?? '', /"from-outside".*expected status 403/)
})

it('a worker that takes the place of another serves what is in force, also when a newer revision was refused', async (t) => {
  const { document } = await protectedRoute(t)
  const under = await startEdge(t, document([jwt], [needsToken]))
  assert.notEqual((await under.apply(document([], [needsToken]))).refusal, undefined)
  await under.edge.restartWorkers()
  assert.equal((await fetchOnce(`${under.url}/users/7`)).status, 401)
  assert.equal((await under.apply(document([jwt]))).refusal, undefined)
})

it('an edge does not begin with a first revision that its self-tests refuse', async (t) => {
  const { document } = await protectedRoute(t)
  const under = await startEdge(t, undefined)
  const report = await under.apply(document([], [needsToken]))
  assert.deepEqual([report.revision, report.refusal?.pointer], [0, '/selfTests/users-need-a-token'])
  assert.equal((await under.apply(document([jwt], [needsToken]))).refusal, undefined)
  await under.edge.serving()
  assert.equal((await fetchOnce(`${under.url}/users/7`)).status, 401)
})
