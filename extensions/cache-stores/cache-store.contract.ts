/** What every cache store must satisfy. Only tests import this file. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { waitUntil } from '@sluice/testkit'
import type { CacheEntry, CacheStore, Purge, StoredResponse } from './cache-store.ts'

export interface CacheStoreHarness {
  /** A store that is ready; each call gives another instance on the same responses, where there can be several. */
  open(): Promise<CacheStore>
}

export function responseOf(changes: Partial<StoredResponse> = {}): StoredResponse {
  const now = Date.now()
  return {
    url: `//host/${randomUUID()}`, tags: [], status: 200, fields: ['Content-Type', 'text/plain', 'X-Odd', 'caf\u00e9 "quoted"'], body: Buffer.from('hello'), receivedAtMs: now,
    initialAgeMs: 0, freshUntilMs: now + 60_000, keepUntilMs: now + 120_000, staleWhileRevalidateMs: 0, staleIfErrorMs: 0, mustRevalidate: false, isShared: false, ...changes,
  }
}

export function purgeOf(changes: Partial<Omit<Purge, 'id'>>): Purge {
  return { id: randomUUID(), urls: [], prefixes: [], tags: [], everything: false, ...changes }
}

/** The tests all stores pass. Each uses keys of its own, so that all share one store. */
export function testCacheStore(name: string, harness: CacheStoreHarness): void {
  describe(`the ${name} cache`, () => {
    let store: CacheStore
    before(async () => {
      store = await harness.open()
    })
    after(() => store.close())
    testKeeping(() => store)
    testPurging(() => store)
  })
}

/** Keeps it and waits until it can be had: a store that is elsewhere is told in the background. */
async function keep(store: CacheStore, key: string, entry: CacheEntry, mark = store.mark()): Promise<void> {
  store.put(key, entry, mark)
  await waitUntil(async () => (await store.get(key)) !== undefined, { what: 'the response to be kept' })
}

function testKeeping(opened: () => CacheStore): void {
  test('a response comes back as it was given, whatever bytes it has', async () => {
    const store = opened()
    const body = Buffer.from(Array.from({ length: 512 }, (_, index) => index & 255))
    const response = responseOf({ body, tags: ['a', 'b'], status: 404, mustRevalidate: true, isShared: true, staleIfErrorMs: 5 })
    const key = `key ${randomUUID()} \n "odd" é`
    await keep(store, key, response)
    assert.deepEqual(await store.get(key), response)
  })

  test('an empty body, and the names of fields that responses differ by, come back too', async () => {
    const store = opened()
    const [empty, varies] = [randomUUID(), randomUUID()]
    const { url, tags, keepUntilMs } = responseOf()
    await keep(store, empty, responseOf({ body: Buffer.alloc(0) }))
    await keep(store, varies, { variesBy: ['accept'], url, tags, keepUntilMs })
    assert.equal(((await store.get(empty)) as StoredResponse).body.length, 0)
    assert.deepEqual(await store.get(varies), { variesBy: ['accept'], url, tags, keepUntilMs })
  })

  test('the newest counts, and what was removed is gone', async () => {
    const store = opened()
    const key = randomUUID()
    await keep(store, key, responseOf({ body: Buffer.from('old') }))
    store.put(key, responseOf({ body: Buffer.from('new') }), store.mark())
    await waitUntil(async () => ((await store.get(key)) as StoredResponse).body.toString() === 'new')
    store.remove(key)
    await waitUntil(async () => (await store.get(key)) === undefined)
    assert.equal(await store.get(randomUUID()), undefined)
  })

  test('what is not needed any more is not given out', async () => {
    const store = opened()
    const key = randomUUID()
    await keep(store, key, responseOf({ keepUntilMs: Date.now() + 300 }))
    await waitUntil(async () => (await store.get(key)) === undefined)
  })
}

function testPurging(opened: () => CacheStore): void {
  const unique = () => randomUUID()

  test('what was purged stays so when purges are learnt anew, and the rest is there', async () => {
    const store = opened()
    const [purged, left] = [unique(), unique()]
    const response = responseOf()
    await keep(store, purged, response)
    await keep(store, left, responseOf())
    await store.purge(purgeOf({ urls: [response.url] }))
    store.catchUp()
    await waitUntil(async () => (await store.get(left)) !== undefined)
    assert.equal(await store.get(purged), undefined)
  })

  test('a purge takes what its URL, beginning or tag names, and nothing else', async () => {
    const store = opened()
    const site = `//${unique()}`
    const [here, below, beside, other] = [`${site}/a`, `${site}/a/b`, `${site}/ab`, `//${unique()}/a`]
    const tag = unique()
    const keys = { here: unique(), variant: unique(), below: unique(), beside: unique(), other: unique(), tagged: unique() }
    for (const [key, url] of [[keys.here, here], [keys.variant, here], [keys.below, below], [keys.beside, beside], [keys.other, other]] as const) await keep(store, key, responseOf({ url }))
    await keep(store, keys.tagged, responseOf({ tags: [unique(), tag] }))
    const left = async () => {
      const found = await Promise.all(Object.entries(keys).map(async ([name, key]) => ((await store.get(key)) === undefined ? [] : [name])))
      return found.flat()
    }
    await store.purge(purgeOf({ urls: [here] }))
    assert.deepEqual(await left(), ['below', 'beside', 'other', 'tagged'])
    await store.purge(purgeOf({ prefixes: [`${site}/a/`] }))
    assert.deepEqual(await left(), ['beside', 'other', 'tagged'])
    await store.purge(purgeOf({ tags: [tag] }))
    assert.deepEqual(await left(), ['beside', 'other'])
    await store.purge(purgeOf({ everything: true }))
    assert.deepEqual(await left(), [])
  })

  test('what was asked for before a purge is not kept behind it, what is asked for afterwards is', async () => {
    const store = opened()
    const url = `//${unique()}/x`
    for (const purge of [purgeOf({ urls: [url] }), purgeOf({ prefixes: [url] }), purgeOf({ tags: [url] }), purgeOf({ everything: true })]) {
      const [key, later, untouched] = [unique(), unique(), unique()]
      const mark = store.mark()
      await store.purge(purge)
      store.put(key, responseOf({ url, tags: [url] }), mark)
      await keep(store, later, responseOf({ url, tags: [url] }))
      assert.equal(await store.get(key), undefined)
      if (purge.everything) continue
      await keep(store, untouched, responseOf(), mark)
    }
  })
}
