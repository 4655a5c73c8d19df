import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { renderMetrics } from '@sluice/service-kit'
import { answer, fetchOnce, startUpstream, suiteCleanup, waitUntil, type FetchedResponse, type ScriptedUpstream } from '@sluice/testkit'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'

const hour = 3600
const algorithms = ['token-bucket', 'fixed-window', 'sliding-window', 'sliding-window-log'] as const
const limited = (name: string, ...policies: Record<string, Record<string, unknown>>[]) => ({ name, match: { pathPrefix: `/${name}` }, upstream: 'main', policies })
const rate = (settings: Record<string, unknown>) => ({ 'rate-limit': { key: 'ip', windowSeconds: hour, ...settings } })

describe('an edge of two workers keeps limits', { concurrency: false }, () => {
  const whole = suiteCleanup()
  let upstream: ScriptedUpstream
  let under: EdgeUnderTest

  before(async () => {
    upstream = await startUpstream(whole)
    under = await startEdge(whole, {
      telemetry: { accessLog: { file: 'access.log' } },
      upstreams: { main: { endpoints: [{ url: upstream.url }] } },
      routes: [
        ...algorithms.map((algorithm) => limited(algorithm, rate({ algorithm, limit: 3 }))),
        limited('cost', rate({ limit: 10, cost: 4 })),
        limited('several', rate({ name: 'hourly', limit: 3 }), rate({ name: 'daily', limit: 50, windowSeconds: 24 * hour, algorithm: 'fixed-window' }), rate({ name: 'per-key', limit: 2, key: 'header:x-key' })),
        limited('shadow', rate({ shadow: true, limit: 1 })),
        limited('queue', rate({ algorithm: 'leaky-bucket', limit: 20, windowSeconds: 1, burst: 1 })),
        limited('places', rate({ algorithm: 'leaky-bucket', limit: 6, windowSeconds: 60, burst: 1, maxWaitMs: 15_000 })),
      ],
    }, { workers: 2 })
  })

  const get = (path: string, headers: Record<string, string> = {}): Promise<FetchedResponse> => fetchOnce(under.url + path, { headers })
  const statuses = async (path: string, times: number): Promise<number[]> => (await Promise.all(Array.from({ length: times }, () => get(path)))).map(({ status }) => status)
  const logLines = async (path: string) =>
    (await readFile(join(under.directory, 'access.log'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line['path'] === path)
  const logged = (path: string) => waitUntil(async () => (await logLines(path)).at(-1))

  for (const algorithm of algorithms) {
    it(`of ten requests at once the limit of three passes, whichever worker takes them: ${algorithm}`, async () => {
      const all = await statuses(`/${algorithm}`, 10)
      assert.deepEqual(all.sort(), [200, 200, 200, 429, 429, 429, 429, 429, 429, 429])
      const refused = await get(`/${algorithm}/again`)
      const field = (name: string) => Number(refused.headers[name])
      assert.equal(refused.status, 429)
      assert.equal(refused.json<{ error: { reason: string } }>().error.reason, 'policy.limit_exceeded')
      assert.deepEqual([field('x-ratelimit-limit'), field('x-ratelimit-remaining')], [3, 0])
      assert.ok(field('retry-after') >= 1 && field('retry-after') <= field('x-ratelimit-reset') && field('x-ratelimit-reset') <= 2 * hour)
      assert.equal(refused.headers['ratelimit-policy'], `"rate-limit";q=3;w=${hour}`)
      assert.equal(refused.headers['ratelimit'], `"rate-limit";r=0;t=${refused.headers['x-ratelimit-reset']}`)
      assert.equal((await logged(`/${algorithm}/again`))['limit'], 'refused')
    })
  }

  it('a request takes its cost', async () => {
    assert.equal((await get('/cost')).headers['x-ratelimit-remaining'], '6')
    assert.equal((await get('/cost')).headers['x-ratelimit-remaining'], '2')
    assert.equal((await get('/cost')).status, 429)
  })

  it('several limits stand on one route by name, and the tightest decides', async () => {
    const first = await get('/several', { 'x-key': 'a' })
    assert.equal(first.headers['ratelimit-policy'], `"hourly";q=3;w=${hour}, "daily";q=50;w=${24 * hour}, "per-key";q=2;w=${hour}`)
    assert.match(String(first.headers['ratelimit']), /^"hourly";r=2;t=\d+, "daily";r=49;t=\d+, "per-key";r=1;t=\d+$/)
    assert.deepEqual([first.headers['x-ratelimit-limit'], first.headers['x-ratelimit-remaining']], ['2', '1'])
    assert.equal((await get('/several', { 'x-key': 'a' })).status, 200)
    assert.equal((await get('/several', { 'x-key': 'b' })).headers['x-ratelimit-limit'], '3')
    assert.equal((await get('/several', { 'x-key': 'c' })).status, 429)
  })

  it('a limit in shadow refuses nobody and tells no client, but log and metrics say whom it would have', async () => {
    assert.deepEqual(await statuses('/shadow', 3), [200, 200, 200])
    const response = await get('/shadow/last')
    assert.deepEqual([response.status, response.headers['ratelimit'], response.headers['x-ratelimit-limit']], [200, undefined, undefined])
    assert.equal((await logged('/shadow/last'))['limit'], 'would_refuse')
    await waitUntil(async () => renderMetrics(await under.edge.metricsSnapshot()).includes('sluice_limit_would_refuse_total{route="shadow"} 3'))
  })

  it('in a leaky bucket requests pass one after the other, at the rate of the limit', async () => {
    const before = upstream.requests.length
    const arrivals: number[] = []
    upstream.does((reply) => {
      arrivals.push(performance.now())
      return answer(200, 'ok')(reply)
    })
    const began = performance.now()
    assert.deepEqual(await statuses('/queue', 5), [200, 200, 200, 200, 200])
    upstream.does(answer(200, 'ok'))
    assert.equal(upstream.requests.length - before, 5)
    // One at once and four more, 50 ms apart.
    assert.ok(arrivals.at(-1)! - began >= 195, `${arrivals.at(-1)! - began} ms`)
    assert.equal((await logged('/queue'))['limit'], 'delayed')
  })

  /** Three clients at once for one place in the queue: answers when two have been refused. */
  async function threeForOnePlace(path: string) {
    const statusOf = new Map<ReturnType<typeof request>, number | undefined>()
    for (let client = 0; client < 3; client++) {
      const one = request(under.url + path, { agent: false }, (response) => {
        statusOf.set(one, response.statusCode)
        response.resume()
      })
      statusOf.set(one, undefined)
      one.on('error', () => undefined).end()
    }
    await waitUntil(() => [...statusOf.values()].filter((status) => status === 429).length === 2)
    return [...statusOf].find(([, status]) => status === undefined)?.[0]
  }

  it('what would wait too long is refused, and a client that leaves the queue makes room for another', async () => {
    assert.equal((await get('/places/now')).status, 200)
    for (const path of ['/places/first', '/places/second']) {
      const waiting = await threeForOnePlace(path)
      assert.ok(waiting !== undefined, `nobody found a place at ${path}`)
      waiting.destroy()
      // Two workers write the log: the line need not be the last.
      const left = await waitUntil(async () => (await logLines(path)).find(({ status }) => status === 499))
      assert.deepEqual([left['reason'], left['upstream']], ['client.aborted', null])
    }
    assert.deepEqual(upstream.requests.filter(({ url }) => url.startsWith('/places')).map(({ url }) => url), ['/places/now'])
  })
})
