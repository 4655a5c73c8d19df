import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { before, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterDelay, afterPromise, answer, fetchOnce, freePort, startUpstream, suiteCleanup, waitUntil, type FetchOptions, type ScriptedUpstream } from '@sluice/testkit'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'

const whole = suiteCleanup()
let under: EdgeUnderTest
let upstreamsSoFar = 0

before(async () => {
  under = await startEdge(whole, undefined)
})

/** Has everything go to an upstream with these settings, one that no test before knew. */
async function forwardTo(settings: object, name = `upstream-${++upstreamsSoFar}`): Promise<string> {
  const report = await under.apply({ trustedProxies: ['127.0.0.1/32'], upstreams: { [name]: settings }, routes: [{ name: 'all', match: { pathPrefix: '/' }, upstream: name }] } as never)
  assert.equal(report.refusal, undefined)
  await under.edge.serving()
  return name
}

const startThree = (t: TestContext) => Promise.all(['a', 'b', 'c'].map((body) => startUpstream(t, answer(200, body))))
const endpointsOf = (upstreams: readonly ScriptedUpstream[], more: (index: number) => object = () => ({})) => upstreams.map(({ url }, index) => ({ url, ...more(index) }))
const countsOf = (upstreams: readonly ScriptedUpstream[]) => upstreams.map(({ requests }) => requests.length)

/** The bodies of requests sent one after another. */
async function bodiesOf(count: number, options: (index: number) => FetchOptions = () => ({}), agent: Agent | false = false): Promise<string[]> {
  const bodies: string[] = []
  for (let index = 0; index < count; index++) bodies.push((await fetchOnce(under.url, { agent, ...options(index) })).body)
  return bodies
}

it('round-robin: endpoints take turns by weight', async (t) => {
  const upstreams = await startThree(t)
  await forwardTo({ endpoints: endpointsOf(upstreams, (index) => ({ weight: index === 0 ? 2 : 1 })) })
  await bodiesOf(40)
  assert.deepEqual(countsOf(upstreams), [20, 10, 10])
})

it('least-requests: while one endpoint is busy the others are sent to', async (t) => {
  const upstreams = await startThree(t)
  const gate = Promise.withResolvers<void>()
  upstreams[0]!.does(afterPromise(gate.promise, answer(200, 'a')))
  await forwardTo({ endpoints: endpointsOf(upstreams), balancer: 'least-requests' })
  const held: Promise<unknown>[] = []
  await waitUntil(async () => {
    if (upstreams[0]!.requests.length > 0) return true
    held.push(fetchOnce(under.url))
    await sleep(5)
    return false
  })
  const bodies = await bodiesOf(30)
  assert.equal(upstreams[0]!.requests.length, 1)
  assert.deepEqual([...new Set(bodies)].sort(), ['b', 'c'])
  gate.resolve()
  await Promise.all(held)
})

it('consistent-hash: each value of a header has one endpoint, values are spread over all', async (t) => {
  const upstreams = await startThree(t)
  await forwardTo({ endpoints: endpointsOf(upstreams), balancer: 'consistent-hash', hashOn: 'header:X-Tenant' })
  const tenant = (index: number) => ({ headers: { 'x-tenant': `tenant-${index % 20}` } })
  const bodies = await bodiesOf(60, tenant)
  assert.deepEqual(bodies.slice(0, 20), bodies.slice(20, 40))
  assert.deepEqual(bodies.slice(0, 20), bodies.slice(40))
  assert.deepEqual([...new Set(bodies)].sort(), ['a', 'b', 'c'])
})

it('consistent-hash: without hashOn a client has one endpoint', async (t) => {
  const upstreams = await startThree(t)
  await forwardTo({ endpoints: endpointsOf(upstreams), balancer: 'consistent-hash' })
  assert.equal(new Set(await bodiesOf(10)).size, 1)
})

it('ip-hash: an address behind a trusted proxy has one endpoint, addresses are spread over all', async (t) => {
  const upstreams = await startThree(t)
  await forwardTo({ endpoints: endpointsOf(upstreams), balancer: 'ip-hash' })
  const from = (index: number) => ({ headers: { 'x-forwarded-for': `203.0.113.${index % 20}` } })
  const bodies = await bodiesOf(40, from)
  assert.deepEqual(bodies.slice(0, 20), bodies.slice(20))
  assert.deepEqual([...new Set(bodies)].sort(), ['a', 'b', 'c'])
})

it('sticky-cookie: a client keeps its endpoint, and gets another with another cookie when that is away', async (t) => {
  const upstreams = await startThree(t)
  const name = await forwardTo({ endpoints: endpointsOf(upstreams), balancer: 'sticky-cookie', retries: { attempts: 3 } })
  const first = await fetchOnce(under.url)
  const [cookie] = first.headers['set-cookie']!
  assert.match(cookie!, new RegExp(`^sluice_${name}=[A-Za-z0-9_-]{16}; Path=/; HttpOnly; SameSite=Lax$`))
  const withCookie = (value: string) => ({ headers: { cookie: `theme=dark; ${value.split(';')[0]!}` } })
  for (let time = 0; time < 6; time++) {
    const again = await fetchOnce(under.url, withCookie(cookie!))
    assert.equal(again.body, first.body)
    assert.equal(again.headers['set-cookie'], undefined)
  }
  await upstreams.find((_, index) => 'abc'[index] === first.body)!.kill()
  const moved = await fetchOnce(under.url, withCookie(cookie!))
  assert.equal(moved.status, 200)
  assert.notEqual(moved.body, first.body)
  const [newCookie] = moved.headers['set-cookie']!
  for (let time = 0; time < 4; time++) assert.equal((await fetchOnce(under.url, withCookie(newCookie!))).body, moved.body)
})

it('sticky-cookie: a client without a cookie is served by turns; over TLS in front the cookie is for TLS only', async (t) => {
  const upstreams = await startThree(t)
  await forwardTo({ endpoints: endpointsOf(upstreams), balancer: 'sticky-cookie', stickyCookie: { name: 'here', secret: 'a secret that is long', maxAgeSeconds: 60 } })
  await bodiesOf(9)
  assert.deepEqual(countsOf(upstreams), [3, 3, 3])
  const { headers } = await fetchOnce(under.url, { headers: { 'x-forwarded-proto': 'https' } })
  assert.match(headers['set-cookie']![0]!, /^here=[^;]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=60; Secure$/)
})

it('latency: the endpoint that answers faster takes most', async (t) => {
  const [fast, slow] = [await startUpstream(t, answer(200, 'fast')), await startUpstream(t, afterDelay(60, answer(200, 'slow')))]
  await forwardTo({ endpoints: endpointsOf([fast, slow]), balancer: 'latency' })
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  await bodiesOf(60, undefined, agent)
  assert.ok(slow.requests.length <= 10, `slow had ${slow.requests.length}`)
})

it('passive health: an endpoint that answers 503 five times in a row is left out', async (t) => {
  const upstreams = await startThree(t)
  upstreams[1]!.does(answer(503, 'sick'))
  await forwardTo({ endpoints: endpointsOf(upstreams) })
  await bodiesOf(60)
  assert.equal(upstreams[1]!.requests.length, 5)
  const metrics = await under.edge.metricsSnapshot()
  const series = metrics.find(({ name }) => name === 'sluice_endpoints_left_out')!.series
  assert.deepEqual(series.map(({ value }) => value), [1])
})

it('passive health switched off: it goes on being sent to', async (t) => {
  const upstreams = await startThree(t)
  upstreams[1]!.does(answer(503, 'sick', { 'retry-after': '60' }))
  await forwardTo({ endpoints: endpointsOf(upstreams), health: { passive: false } })
  await bodiesOf(60)
  assert.equal(upstreams[1]!.requests.length, 20)
})

it('an endpoint that says 503 with Retry-After is left alone meanwhile; its answer reaches the client', async (t) => {
  const upstreams = await startThree(t)
  upstreams[1]!.does(answer(503, 'later', { 'retry-after': '30' }))
  await forwardTo({ endpoints: endpointsOf(upstreams) })
  const statuses: number[] = []
  for (let time = 0; time < 20; time++) statuses.push((await fetchOnce(under.url)).status)
  assert.equal(upstreams[1]!.requests.length, 1)
  assert.equal(statuses.filter((status) => status === 503).length, 1)
})

it('slow start: an endpoint that joins is sent less than its share at first', async (t) => {
  const upstreams = await startThree(t)
  const name = await forwardTo({ endpoints: endpointsOf(upstreams.slice(0, 1)) })
  await fetchOnce(under.url)
  await forwardTo({ endpoints: endpointsOf(upstreams.slice(0, 2)) }, name)
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  const since = performance.now()
  const bodies = await bodiesOf(100, undefined, agent)
  const seconds = (performance.now() - since) / 1000
  const joined = bodies.filter((body) => body === 'b').length
  // Its weight at the end of these requests bounds its share of all of them.
  const most = Math.max(0.1, (seconds + 1) / 30)
  assert.ok(joined >= 1 && joined <= 100 * (most / (1 + most)) + 1, `${joined} of 100 in ${seconds} s`)
})

it('tiers: a backup serves while the first priority is away, and no longer', async (t) => {
  const [main, backup] = [await startUpstream(t, answer(200, 'main')), await startUpstream(t, answer(200, 'backup'))]
  await forwardTo({ endpoints: endpointsOf([main, backup], (index) => ({ priority: index })) })
  assert.deepEqual([...new Set(await bodiesOf(10))], ['main'])
  await main.kill()
  assert.deepEqual([...new Set(await bodiesOf(10))], ['backup'])
  await main.start()
  await waitUntil(async () => (await fetchOnce(under.url)).body === 'main', { timeoutMs: 15_000 })
  assert.deepEqual([...new Set(await bodiesOf(10))], ['main'])
})

it('a retry goes to another endpoint, of the next priority when there is no other', async (t) => {
  const backup = await startUpstream(t, answer(200, 'backup'))
  await forwardTo({ endpoints: [{ url: `http://127.0.0.1:${await freePort()}` }, { url: backup.url, priority: 1 }] })
  const response = await fetchOnce(under.url)
  assert.deepEqual([response.status, response.body], [200, 'backup'])
})

for (const balancer of ['round-robin', 'least-requests', 'latency', 'consistent-hash']) {
  it(`${balancer}: one of three endpoints killed under load fails no request`, async (t) => {
    const upstreams = await Promise.all([1, 2, 3].map(() => startUpstream(t, afterDelay(2, answer(200, 'ok')))))
    await forwardTo({ endpoints: endpointsOf(upstreams), balancer, hashOn: balancer === 'consistent-hash' ? 'path' : undefined, retries: { attempts: 3 } })
    const agent = new Agent({ keepAlive: true, maxSockets: 8 })
    t.after(() => agent.destroy())
    const failures: string[] = []
    let finished = 0
    const lane = async (first: number): Promise<void> => {
      for (let request = 0; request < 60; request++) {
        const outcome = await fetchOnce(under.url, { agent, path: `/${first}-${request}` }).then(({ status }) => String(status), String)
        if (outcome !== '200') failures.push(outcome)
        finished++
      }
    }
    const lanes = Array.from({ length: 8 }, (_, first) => lane(first))
    await waitUntil(() => finished > 100 && upstreams.every(({ requests }) => requests.length > 5))
    await upstreams[0]!.kill()
    await Promise.all(lanes)
    assert.deepEqual(failures, [])
  })
}

it('limits: an endpoint takes so many requests at a time, and when all are full 503 says so', async (t) => {
  const upstreams = (await startThree(t)).slice(0, 2)
  const gate = Promise.withResolvers<void>()
  for (const upstream of upstreams) upstream.does(afterPromise(gate.promise, answer(200, 'held')))
  await forwardTo({ endpoints: endpointsOf(upstreams), limits: { requestsPerEndpoint: 2 } })
  const held = Array.from({ length: 4 }, () => fetchOnce(under.url))
  await waitUntil(() => countsOf(upstreams).join() === '2,2')
  const refused = await fetchOnce(under.url)
  assert.deepEqual([refused.status, (JSON.parse(refused.body) as { error: { reason: string } }).error.reason], [503, 'upstream.overloaded'])
  assert.deepEqual(upstreams.map(({ connections }) => connections.open), [2, 2])
  gate.resolve()
  assert.deepEqual((await Promise.all(held)).map(({ body }) => body), ['held', 'held', 'held', 'held'])
  assert.equal((await fetchOnce(under.url)).status, 200)
})
