import assert from 'node:assert/strict'
import { get } from 'node:http'
import { before, it, type TestContext } from 'node:test'
import { afterPromise, answer, closeConnection, fetchOnce, neverAnswer, startUpstream, suiteCleanup, waitUntil, type ScriptedUpstream } from '@sluice/testkit'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'
import { RawClient } from './raw-client.ts'

const whole = suiteCleanup()
let under: EdgeUnderTest
let upstreamsSoFar = 0

before(async () => {
  under = await startEdge(whole, undefined)
})

interface Hedged {
  readonly name: string
  /** The first one listed is the one that round robin asks first. */
  readonly slow: ScriptedUpstream
  readonly quick: ScriptedUpstream
  outcomes(): Promise<Record<string, number>>
}

/** Two endpoints, the first of which never answers; everything goes there. */
async function startHedged(t: TestContext, settings: object = {}): Promise<Hedged> {
  const slow = await startUpstream(t, neverAnswer())
  const quick = await startUpstream(t, answer(200, 'quick'))
  const name = `upstream-${++upstreamsSoFar}`
  const endpoints = [{ url: slow.url, weight: 1 }, { url: quick.url, weight: 0.001 }]
  const upstreams = { [name]: { endpoints, hedge: { afterMs: 20 }, ...settings } }
  const report = await under.apply({ upstreams, routes: [{ name: 'all', match: { pathPrefix: '/' }, upstream: name }] } as never)
  assert.equal(report.refusal, undefined)
  await under.edge.serving()
  return { name, slow, quick, outcomes: () => outcomesOf(name) }
}

async function outcomesOf(upstream: string): Promise<Record<string, number>> {
  const metric = (await under.edge.metricsSnapshot()).find(({ name }) => name === 'sluice_hedged_attempts_total')
  return Object.fromEntries((metric?.series ?? []).filter(({ values }) => values[0] === upstream).map(({ values, value }) => [values[1]!, value!]))
}

it('while an endpoint keeps a request waiting another one is asked, and its answer counts; the first attempt is ended', async (t) => {
  const { slow, quick, outcomes } = await startHedged(t, { hostHeader: 'endpoint' })
  const gone = Promise.withResolvers<void>()
  slow.does(({ response }) => void response.on('close', gone.resolve))
  assert.deepEqual((({ status, body }) => [status, body])(await fetchOnce(`${under.url}/a?b=c`, { headers: { 'x-custom': 'yes' } })), [200, 'quick'])
  await gone.promise
  const [first, second] = [slow.requests[0]!, quick.requests[0]!]
  assert.deepEqual([second.method, second.url, second.headers['x-custom']], [first.method, first.url, 'yes'])
  assert.deepEqual([first.headers.host, second.headers.host], [slow.url, quick.url].map((url) => new URL(url).host))
  assert.notEqual(first.headers['traceparent'], second.headers['traceparent'])
  await waitUntil(async () => (await outcomes())['won'] === 1)
})

it('a first answer that comes after all is taken, and the other attempt is ended', async (t) => {
  const { slow, quick, outcomes } = await startHedged(t)
  const asked = Promise.withResolvers<void>()
  const gone = Promise.withResolvers<void>()
  slow.does(afterPromise(asked.promise, answer(200, 'slow after all')))
  quick.does(({ response }) => {
    response.on('close', gone.resolve)
    asked.resolve()
  })
  assert.equal((await fetchOnce(under.url)).body, 'slow after all')
  await gone.promise
  await waitUntil(async () => (await outcomes())['lost'] === 1)
})

it('an error of the one is set aside while the other is on its way', async (t) => {
  const { slow, quick, outcomes } = await startHedged(t)
  for (const does of [answer(503, 'no'), closeConnection()]) {
    const failed = Promise.withResolvers<void>()
    slow.does(afterPromise(failed.promise, answer(200, 'slow after all')))
    quick.does((reply) => {
      reply.request.socket.once('close', failed.resolve)
      return does(reply)
    })
    assert.equal((await fetchOnce(under.url)).body, 'slow after all')
  }
  await waitUntil(async () => (await outcomes())['failed'] === 2)
})

it('when all of them fail, the last failure is the answer', async (t) => {
  const { slow, quick } = await startHedged(t, { retries: { attempts: 1 }, health: { passive: false } })
  const failed = Promise.withResolvers<void>()
  slow.does(afterPromise(failed.promise, answer(500, 'slow and wrong')))
  quick.does((reply) => {
    reply.request.socket.once('close', failed.resolve)
    return closeConnection()(reply)
  })
  assert.deepEqual((({ status, body }) => [status, body])(await fetchOnce(under.url)), [500, 'slow and wrong'])
})

it('no second attempt is made of a request that changes something, nor of one with a body', async (t) => {
  const { slow, quick } = await startHedged(t)
  const answered = Promise.withResolvers<void>()
  slow.does(afterPromise(answered.promise, answer(200, 'slow')))
  const withBody = await RawClient.connect(under.port)
  t.after(() => withBody.destroy())
  withBody.send('GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx')
  const bodies = [fetchOnce(under.url, { method: 'POST' }), fetchOnce(under.url, { method: 'PUT', body: 'x' })]
  await waitUntil(() => slow.requests.length + quick.requests.length === 3)
  // One that may be hedged is, meanwhile: the others' time is over as well.
  assert.equal((await fetchOnce(`${under.url}/asking`)).status, 200)
  answered.resolve()
  for (const { body } of await Promise.all(bodies)) assert.equal(body, 'slow')
  await waitUntil(() => withBody.responses()[0]?.body === 'slow')
  assert.deepEqual(quick.requests.map(({ url }) => url), ['/asking'])
})

it('the budget of retries is spent by second attempts, too, and there is none without another endpoint', async (t) => {
  const none = await startHedged(t, { retries: { budgetPercent: 0 } })
  const answered = Promise.withResolvers<void>()
  none.slow.does(afterPromise(answered.promise, answer(200, 'slow')))
  const pending = fetchOnce(under.url)
  await waitUntil(async () => (await none.outcomes())['withheld'] === 1)
  answered.resolve()
  assert.equal((await pending).body, 'slow')
  assert.equal(none.quick.requests.length, 0)

  const lonely = await startUpstream(t, neverAnswer())
  await under.apply({ upstreams: { lonely: { endpoints: [{ url: lonely.url }], hedge: { afterMs: 10 } } }, routes: [{ name: 'all', match: { pathPrefix: '/' }, upstream: 'lonely' }] } as never)
  await under.edge.serving()
  const alone = Promise.withResolvers<void>()
  lonely.does(afterPromise(alone.promise, answer(200, 'alone')))
  const waiting = fetchOnce(under.url)
  await waitUntil(async () => (await outcomesOf('lonely'))['withheld'] === 1)
  alone.resolve()
  assert.equal((await waiting).body, 'alone')
})

it('a client that leaves ends all attempts, and no endpoint keeps a request', async (t) => {
  const { slow, quick } = await startHedged(t, { limits: { requestsPerEndpoint: 1 } })
  const left = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  for (const [index, upstream] of [slow, quick].entries()) upstream.does(({ response }) => void response.on('close', left[index]!.resolve))
  const request = get(under.url)
  request.on('error', () => undefined)
  await waitUntil(() => slow.requests.length === 1 && quick.requests.length === 1)
  request.destroy()
  await Promise.all(left.map(({ promise }) => promise))
  // Each takes one request at a time, so one that was still counted as open would keep this one from it.
  const ended = Promise.withResolvers<void>()
  slow.does(({ response }) => void response.on('close', ended.resolve))
  quick.does(answer(200, 'quick'))
  assert.equal((await fetchOnce(under.url)).body, 'quick')
  assert.deepEqual([slow.requests.length, quick.requests.length], [2, 2])
  await ended.promise
})

it('by percentile nothing is sent twice until it is known how long answers take', async (t) => {
  const { slow, quick, outcomes } = await startHedged(t, { hedge: { percentile: 90 } })
  slow.does(answer(200, 'slow'))
  for (let index = 0; index < 100; index++) assert.equal((await fetchOnce(under.url)).status, 200)
  const before = quick.requests.length
  assert.deepEqual(await outcomes(), {})
  const gone = Promise.withResolvers<void>()
  slow.does(({ response }) => void response.on('close', gone.resolve))
  assert.equal((await fetchOnce(`${under.url}/late`)).body, 'quick')
  await gone.promise
  assert.equal(quick.requests.length, before + 1)
})
