import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test, type TestContext } from 'node:test'
import { missingServer, type RedisServer, sharedServers, startRedis, waitUntil } from '@sluice/testkit'
import { Redis } from 'ioredis'
import { purgeOf, responseOf, testCacheStore } from '../cache-store.contract.ts'
import type { CacheStore } from '../cache-store.ts'
import { createRedisCache } from './redis.ts'
import type { RedisCacheSettings } from './schema.ts'

const skip = missingServer('redis')
// A loaded test machine may hold any of the processes up for longer than the 20 ms of production.
const patient = { timeoutMs: 2000 }
const clock = { now: () => Date.now() }

async function ready(settings: RedisCacheSettings): Promise<CacheStore> {
  const store = createRedisCache(settings, { clock })
  await waitUntil(() => store.healthy)
  return store
}

describe('with a shared Redis server', { skip }, () => {
  const settings = { url: sharedServers().redis ?? '', keyPrefix: `test:${randomUUID()}:`, ...patient }
  testCacheStore('redis', { open: () => ready(settings) })

  /** Two instances on responses of their own. */
  async function two(t: TestContext) {
    const own = { ...settings, keyPrefix: `test:${randomUUID()}:` }
    const stores = [await ready(own), await ready(own)] as const
    t.after(() => Promise.all(stores.map((store) => store.close())))
    return { one: stores[0], other: stores[1], own }
  }

  test('what one keeps the others have', async (t) => {
    const { one, other } = await two(t)
    const response = responseOf()
    one.put('k', response, one.mark())
    await waitUntil(async () => (await other.get('k')) !== undefined)
    assert.deepEqual(await other.get('k'), response)
  })

  test('a purge that two tell of is one, and what either asks for afterwards is kept', async (t) => {
    const { one, other, own } = await two(t)
    const response = responseOf()
    const purge = purgeOf({ urls: [response.url] })
    one.put('before', response, one.mark())
    await waitUntil(async () => (await other.get('before')) !== undefined)
    await Promise.all([one.purge(purge), other.purge(purge)])
    assert.deepEqual([await one.get('before'), await other.get('before')], [undefined, undefined])
    assert.equal(one.mark(), other.mark())
    other.put('after', response, other.mark())
    await waitUntil(async () => (await one.get('after')) !== undefined)
    const client = new Redis(settings.url)
    t.after(() => client.quit())
    assert.equal(await client.zcard(`${own.keyPrefix}cache:purges`), 1)
  })

  test('one that starts later, and one that learns anew, knows what was purged', async (t) => {
    const { one, other, own } = await two(t)
    const response = responseOf()
    one.put('k', response, one.mark())
    await waitUntil(async () => (await other.get('k')) !== undefined)
    await one.purge(purgeOf({ prefixes: [response.url] }))
    // The other one was not told.
    assert.notEqual(await other.get('k'), undefined)
    other.catchUp()
    await waitUntil(() => other.healthy)
    assert.equal(await other.get('k'), undefined)
    const late = await ready(own)
    t.after(() => late.close())
    assert.equal(await late.get('k'), undefined)
  })

  test('one that does not know of a purge yet keeps nothing that it asked for before', async (t) => {
    const { one, other } = await two(t)
    const response = responseOf()
    const mark = other.mark()
    await one.purge(purgeOf({ urls: [response.url] }))
    other.put('k', response, mark)
    await waitUntil(async () => (await other.get('k')) !== undefined)
    assert.equal(await one.get('k'), undefined)
  })

  test('keys are gone when their responses are not needed any more, and what nobody can read is not there', async (t) => {
    const { one, own } = await two(t)
    const client = new Redis(settings.url)
    t.after(() => client.quit())
    one.put('k', responseOf({ keepUntilMs: Date.now() + 60_000 }), one.mark())
    await waitUntil(async () => (await one.get('k')) !== undefined)
    const [key] = await client.keys(`${own.keyPrefix}*`)
    assert.ok((await client.pttl(key!)) <= 60_000 && (await client.pttl(key!)) > 50_000)
    await client.set(key!, 'nonsense')
    assert.equal(await one.get('k'), undefined)
  })
})

describe('a Redis server that goes, hangs or forgets', { skip }, () => {
  async function own(t: TestContext, more: object = patient): Promise<{ server: RedisServer; store: CacheStore }> {
    const server = await startRedis()
    t.after(() => server.stop())
    const store = createRedisCache({ url: server.url, ...more }, { clock })
    t.after(() => store.close())
    await waitUntil(() => store.healthy)
    return { server, store }
  }
  const unreachable = { code: 'dependency.cache_unreachable' }

  test('away, it has nothing and keeps nothing; a purge made meanwhile counts when it is back', async (t) => {
    const { server, store } = await own(t)
    const response = responseOf()
    store.put('k', response, store.mark())
    await waitUntil(async () => (await store.get('k')) !== undefined)
    await server.kill('SIGSTOP')
    // Its memory stays, its connections do not answer.
    const purge = store.purge(purgeOf({ urls: [response.url] }))
    await assert.rejects(async () => purge, unreachable)
    assert.deepEqual([await store.get('k'), store.healthy], [undefined, false])
    store.put('meanwhile', responseOf(), store.mark())
    await server.kill('SIGCONT')
    await waitUntil(() => store.healthy, { timeoutMs: 20_000 })
    assert.deepEqual([await store.get('k'), await store.get('meanwhile')], [undefined, undefined])
    store.put('k', response, store.mark())
    await waitUntil(async () => (await store.get('k')) !== undefined)
  })

  test('hanging, look-ups end within their budget, and soon nobody asks', async (t) => {
    const { server, store } = await own(t, {})
    await server.kill('SIGSTOP')
    // Five time-outs, then nobody asks.
    for (let round = 0; round < 5; round++) assert.equal(await store.get('k'), undefined)
    assert.equal(store.healthy, false)
    await server.kill('SIGCONT')
    await waitUntil(() => store.healthy, { timeoutMs: 20_000 })
  })

  test('emptied, what is purged afterwards is purged', async (t) => {
    const { server, store } = await own(t)
    await store.purge(purgeOf({ urls: ['//h/first'] }))
    const client = new Redis(server.url)
    t.after(() => client.quit())
    await client.flushall()
    const response = responseOf()
    store.put('k', response, store.mark())
    await waitUntil(async () => (await store.get('k')) !== undefined)
    const late = createRedisCache({ url: server.url, ...patient }, { clock })
    t.after(() => late.close())
    await waitUntil(() => late.healthy)
    await late.purge(purgeOf({ urls: [response.url] }))
    assert.equal(await late.get('k'), undefined)
    store.catchUp()
    await waitUntil(() => store.healthy)
    assert.equal(await store.get('k'), undefined)
  })
})
