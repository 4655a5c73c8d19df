import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeClock } from '@sluice/testkit'
import { purgeOf, responseOf, testCacheStore } from '../cache-store.contract.ts'
import { PurgeLog } from '../purge-log.ts'
import { createMemoryCache } from './memory.ts'

const mib = 1024 * 1024

testCacheStore('memory', { open: async () => createMemoryCache({ maxBytes: 64 * mib }, { clock: { now: () => Date.now() } }) })

function cacheOf(maxBytes: number) {
  const clock = createFakeClock()
  return { cache: createMemoryCache({ maxBytes }, { clock }), clock }
}

const large = (name: string) => responseOf({ body: Buffer.alloc(100_000, name), keepUntilMs: Number.MAX_SAFE_INTEGER })

test('it never takes more than it may: what was used longest ago goes first', () => {
  const { cache } = cacheOf(350_000)
  for (const name of ['a', 'b', 'c']) cache.put(name, large(name), cache.mark())
  assert.notEqual(cache.get('a'), undefined)
  cache.put('d', large('d'), cache.mark())
  assert.deepEqual(['a', 'b', 'c', 'd'].filter((name) => cache.get(name) !== undefined), ['a', 'c', 'd'])
  assert.equal(cache.evicted, 1)
  for (let round = 0; round < 100; round++) {
    cache.put(`more ${round}`, large('x'), cache.mark())
    assert.ok(cache.bytes <= 350_000)
  }
  assert.equal(cache.entries, 3)
})

test('what is too large for it alone puts nothing else out', () => {
  const { cache } = cacheOf(150_000)
  cache.put('small', responseOf({ keepUntilMs: Number.MAX_SAFE_INTEGER }), cache.mark())
  cache.put('huge', responseOf({ body: Buffer.alloc(200_000) }), cache.mark())
  assert.equal(cache.get('huge'), undefined)
  assert.notEqual(cache.get('small'), undefined)
})

test('without room it keeps nothing', () => {
  const { cache } = cacheOf(0)
  cache.put('a', responseOf(), cache.mark())
  assert.deepEqual([cache.get('a'), cache.bytes, cache.entries], [undefined, 0, 0])
})

test('what was purged, removed, replaced or has run out takes no room', async () => {
  const { cache, clock } = cacheOf(mib)
  const at = clock.now()
  cache.put('a', responseOf({ url: '//h/a', tags: ['t', 't'], keepUntilMs: at + 1000 }), cache.mark())
  cache.put('a', responseOf({ url: '//h/a', tags: ['t'], keepUntilMs: at + 1000 }), cache.mark())
  cache.put('b', responseOf({ url: '//h/b', keepUntilMs: at + 1000 }), cache.mark())
  cache.put('c', responseOf({ url: '//h/c', keepUntilMs: at + 1000 }), cache.mark())
  cache.purge(purgeOf({ tags: ['t'] }))
  cache.remove('b')
  clock.advance(1000)
  assert.equal(cache.get('c'), undefined)
  assert.deepEqual([cache.entries, cache.bytes], [0, 0])
})

test('of too many purges the oldest are forgotten, and what is older than those counts as purged', () => {
  const log = new PurgeLog(3)
  const unnamed = { url: '//h/unnamed', tags: [] }
  for (let number = 1; number <= 4; number++) log.add(number, purgeOf({ urls: [`//h/${number}`] }))
  assert.equal(log.covers(unnamed, 0), true)
  assert.equal(log.covers(unnamed, 1), false)
  assert.equal(log.covers({ url: '//h/4', tags: [] }, 3), true)
  assert.equal(log.covers({ url: '//h/4', tags: [] }, 4), false)
  log.add(5, purgeOf({ prefixes: ['//h/un'] }))
  assert.equal(log.covers(unnamed, 4), true)
  for (let number = 6; number <= 8; number++) log.add(number, purgeOf({ tags: [`t${number}`] }))
  assert.equal(log.covers(unnamed, 5), false)
})

test('settings that do not fit are named', () => {
  assert.throws(() => cacheOf(-1), { code: 'config.invalid' })
})
