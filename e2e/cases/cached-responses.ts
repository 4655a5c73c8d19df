// CA1, CA2, CA3, CB1: responses are kept at the edges, purged on all of them, and stand in for an upstream that is left alone
import assert from 'node:assert/strict'
import { answer, fetchOnce, startUpstream, waitUntil, type FetchedResponse, type ScriptedUpstream } from '@sluice/testkit'
import { bodyOf } from '../actors/ask.ts'
import { makeConsumer, makeKeyOf, withKey } from '../actors/consumers.ts'
import { publishOn } from '../actors/nats-publish.ts'
import type { System } from '../modes/system.ts'
import type { Case } from './case.ts'

/** Connections are spread over the workers of an edge, each of which keeps responses of its own. */
const rounds = 12

type Options = Parameters<typeof fetchOnce>[1]
const statusOf = ({ headers }: FetchedResponse) => String(headers['x-cache-status'])

/** All answers of many requests to every edge. */
async function everywhere(system: System, path: string, options?: Options): Promise<FetchedResponse[]> {
  const answers: FetchedResponse[] = []
  for (const { url } of system.edges) for (let round = 0; round < rounds; round++) answers.push(await fetchOnce(url + path, options))
  return answers
}

/** Has every worker of every edge keep the response, as far as many requests can tell. */
async function warm(system: System, path: string, options?: Options): Promise<void> {
  await waitUntil(async () => (await everywhere(system, path, options)).every((one) => statusOf(one) === 'HIT'), { timeoutMs: 20_000, what: `${path} to be kept everywhere` })
}

async function bodiesOf(system: System, path: string): Promise<Set<string>> {
  return new Set((await everywhere(system, path)).map(({ body }) => body))
}

/** An upstream whose responses say how often they were changed. */
function versioned(upstream: ScriptedUpstream): { change(): string } {
  let version = 1
  upstream.does((reply) => answer(200, `version ${version}`, { 'cache-control': 'max-age=3600', etag: `"${version}"`, 'cache-tag': 'from-upstream' })(reply))
  return { change: () => `version ${++version}` }
}

export const cachedResponses: Case = {
  name: 'responses are kept at the edges, and purged on every one of them',
  async run(system, t) {
    const [upstream, own, failing] = [await startUpstream(t), await startUpstream(t), await startUpstream(t)]
    const content = versioned(upstream)
    await system.apply({
      upstreams: {
        cached: { endpoints: [{ url: upstream.url }] },
        private: { endpoints: [{ url: own.url }] },
        failing: { endpoints: [{ url: failing.url }], health: { passive: false }, retries: { attempts: 1 }, circuitBreaker: { consecutiveFailures: 1, openSeconds: 600, fallback: 'cached' } },
      },
      routes: [
        { name: 'cached', match: { pathPrefix: '/cached' }, upstream: 'cached', policies: [{ cache: { tags: ['from-route'] } }] },
        { name: 'shared', match: { pathPrefix: '/shared' }, upstream: 'cached', policies: [{ cache: { store: 'redis' } }] },
        { name: 'own', match: { path: '/own' }, upstream: 'private', policies: [{ 'key-auth': {} }, { cache: { ttlSeconds: 300 } }] },
        { name: 'failing', match: { pathPrefix: '/failing' }, upstream: 'failing', policies: [{ cache: {} }] },
      ],
    })
    const purge = async (body: object) => {
      const { status, body: told } = await system.admin('POST', '/v1/cache/purge?wait=all', body)
      assert.equal(status, 200, told)
      return JSON.parse(told) as { edges: { acknowledged: number; expected: number }; propagationMs: number }
    }

    await t.test('once it is kept the upstream is not asked any more; its age and where it came from are told', async () => {
      await warm(system, '/cached/a')
      const asked = upstream.requests.length
      for (const one of await everywhere(system, '/cached/a', { headers: { 'if-none-match': '"1"' } })) {
        assert.deepEqual([one.status, statusOf(one), one.headers['cache-tag']], [304, 'HIT', undefined])
        assert.match(String(one.headers['cache-status']), /^sluice; hit; ttl=3[56]\d\d$/)
        assert.ok(Number(one.headers['age']) >= 0)
      }
      assert.equal(upstream.requests.length, asked)
    })

    await t.test('no consumer is given what was kept for another', async () => {
      own.does((reply) => answer(200, `for ${String(reply.record.headers['x-consumer-name'])}`)(reply))
      const names = ['cache-alice', 'cache-bob']
      for (const name of names) {
        await makeConsumer(system, name)
        const key = withKey((await makeKeyOf(system, name)).key)
        await warm(system, '/own', key)
        assert.deepEqual(new Set((await everywhere(system, '/own', key)).map(({ body }) => body)), new Set([`for ${name}`]))
      }
      for (const { status } of await everywhere(system, '/own')) assert.equal(status, 401)
    })

    await t.test('purged by URL, no edge answers with it any more once that is acknowledged', async (inner) => {
      await warm(system, '/cached/other')
      const before = upstream.requests.length
      const newer = content.change()
      const urls = system.edges.map(({ url }) => `${url}/cached/a`)
      const { edges, propagationMs } = await purge({ urls })
      assert.deepEqual([edges.acknowledged, edges.expected], [system.edges.length, system.edges.length])
      inner.diagnostic(`purged on the last edge after ${propagationMs} ms`)
      assert.deepEqual(await bodiesOf(system, '/cached/a'), new Set([newer]))
      assert.ok(upstream.requests.length > before)
      for (const one of await everywhere(system, '/cached/other')) assert.equal(statusOf(one), 'HIT')
    })

    await t.test('by tag, of the route and of the upstream, and by the beginning of URLs', async () => {
      for (const body of [{ tags: ['from-route'] }, { tags: ['from-upstream'] }, { prefixes: system.edges.map(({ url }) => `${url}/cached/`) }, { everything: true }]) {
        await warm(system, '/cached/a')
        const newer = content.change()
        await purge(body)
        assert.deepEqual(await bodiesOf(system, '/cached/a'), new Set([newer]), JSON.stringify(body))
      }
    })

    await t.test('by the command, which says on how many edges', async () => {
      await warm(system, '/cached/a')
      const newer = content.change()
      const { code, stdout, stderr } = await system.cli(['cache', 'purge', '--tag', 'from-route', '--tag', 'another'])
      assert.equal(code, 0, stderr)
      assert.match(stdout, new RegExp(`^purged on ${system.edges.length} of ${system.edges.length} edges in \\d+ ms\n$`))
      assert.deepEqual(await bodiesOf(system, '/cached/a'), new Set([newer]))
      assert.equal((await system.cli(['cache', 'purge'])).code, 1)
    })

    await t.test('what names nothing, or no URL, is refused', async () => {
      for (const body of [{}, { urls: ['/cached/a'] }, { urls: 'x' }]) assert.equal((await system.admin('POST', '/v1/cache/purge', body)).status, 400)
    })

    await t.test('a request that changes something puts out what is kept, on every edge', async () => {
      await warm(system, '/cached/a')
      const newer = content.change()
      // One name for all edges: what stands under it is the same everywhere.
      for (const { url } of system.edges) assert.equal((await fetchOnce(`${url}/cached/a`, { method: 'PUT', body: 'x' })).status, 200)
      await waitUntil(async () => (await bodiesOf(system, '/cached/a')).size === 1 && (await bodyOf(system, '/cached/a')) === newer, { timeoutMs: 5000, what: 'the newer one everywhere' })
    })

    if (system.servers !== undefined) {
      const { nats, redis } = system.servers

      await t.test('what one edge has asked for the others have, behind the memory of each', async () => {
        const hosts = { headers: { host: 'shared.test' } }
        // Its connection to Redis is made for the first of them.
        const isShared = async (round: number) => {
          const path = `/shared/${round}`
          const [first, ...others] = system.edges
          await fetchOnce(first!.url + path, hosts)
          const asked = upstream.requests.length
          for (const { url } of others) if (statusOf(await fetchOnce(url + path, hosts)) !== 'HIT') return false
          return upstream.requests.length === asked
        }
        let round = 0
        await waitUntil(() => isShared(round++), { timeoutMs: 20_000, what: 'a response that other edges had from Redis' })
        const path = `/shared/${round - 1}`
        const newer = content.change()
        await purge({ urls: [`http://shared.test${path}`] })
        assert.deepEqual(new Set((await everywhere(system, path, hosts)).map(({ body }) => body)), new Set([newer]))
      })

      await t.test('without Redis requests go on, with what is in memory and from the upstream', async () => {
        await warm(system, '/shared/kept')
        t.after(() => redis.revive())
        await redis.kill()
        for (const one of await everywhere(system, '/shared/kept')) assert.equal(statusOf(one), 'HIT')
        for (const one of await everywhere(system, '/shared/other')) assert.equal(one.status, 200)
        await redis.restart()
      })

      await t.test('a backend purges by an event on the bus', async (inner) => {
        await warm(system, '/cached/a')
        const newer = content.change()
        const from = performance.now()
        await publishOn(nats.url, 'gw.v1.cache.event.default', JSON.stringify({ tags: ['from-upstream'] }))
        await waitUntil(async () => (await bodiesOf(system, '/cached/a')).has(newer) && (await bodiesOf(system, '/cached/a')).size === 1, { timeoutMs: 5000, everyMs: 1, what: 'the newer one everywhere' })
        inner.diagnostic(`on every edge after ${Math.round(performance.now() - from)} ms`)
      })

      await t.test('with the bus away what is kept answers and nothing can be purged; afterwards it is confirmed before it is used', async () => {
        await warm(system, '/cached/a')
        t.after(() => nats.revive())
        await nats.kill()
        const isRefused = async () => {
          const { status, body } = await system.admin('POST', '/v1/cache/purge?wait=all', { everything: true })
          return status === 503 && body.includes('dependency.bus_unreachable')
        }
        await waitUntil(isRefused, { timeoutMs: 20_000, what: 'control to say that the bus is away' })
        for (const one of await everywhere(system, '/cached/a')) assert.equal(statusOf(one), 'HIT')
        const newer = content.change()
        await nats.restart()
        for (const { url } of system.edges) await waitUntil(async () => statusOf(await fetchOnce(`${url}/cached/a`)) === 'EXPIRED', { timeoutMs: 20_000, what: `${url} to ask its upstream` })
        await waitUntil(async () => (await bodiesOf(system, '/cached/a')).size === 1 && (await bodyOf(system, '/cached/a')) === newer, { timeoutMs: 20_000, what: 'the newer one everywhere' })
        for (const { name, metricsUrl } of system.services.values()) await waitUntil(async () => (await fetchOnce(`${metricsUrl}/readyz`)).status === 200, { timeoutMs: 20_000, what: `${name} to be ready` })
      })
    }

    await t.test('while its upstream is left alone what is kept answers, and 503 where nothing is', async () => {
      failing.does(answer(200, 'kept', { 'cache-control': 'max-age=0', etag: '"1"' }))
      for (let round = 0; round < 3; round++) await everywhere(system, '/failing/a')
      failing.does(answer(500, 'broken'))
      await waitUntil(async () => (await everywhere(system, '/failing/b')).every(({ status }) => status === 503), { timeoutMs: 20_000, what: 'all circuits to open' })
      const asked = failing.requests.length
      for (const one of await everywhere(system, '/failing/a')) assert.deepEqual([one.status, one.body, statusOf(one)], [200, 'kept', 'STALE'])
      for (const one of await everywhere(system, '/failing/b')) assert.ok(Number(one.headers['retry-after']) > 0)
      assert.equal(failing.requests.length, asked)
    })

    await t.test('the access log and the metrics tell what the cache did', async () => {
      for (const edge of system.edges) {
        await waitUntil(async () => (await edge.accessLog()).some((line) => line['cache'] === 'STALE' && line['route'] === 'failing' && line['upstream'] === null), { what: 'the line of a stale response' })
        const { body } = await fetchOnce(`${edge.metricsUrl}/metrics`)
        assert.match(body, /^sluice_cache_requests_total\{status="HIT"\} [1-9]/m)
      }
    })
  },
}
