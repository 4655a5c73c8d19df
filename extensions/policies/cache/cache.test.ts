import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exchangeOf } from '../exchange.contract.ts'
import { policyContract, problemsOf, settingsOf } from '../policy.contract.ts'
import * as module from './cache.ts'
import { schema } from './schema.ts'

policyContract({ schema, module, from: import.meta.url, examples: [{}, { ttlSeconds: 300 }] })

const rules = (settings: Record<string, unknown>) => module.compile(settingsOf(schema, settings)).cache!

test('left alone, responses last as long as they say, and the whole query counts', () => {
  const { ttlMs, keyQuery, keyHeaders, maxObjectBytes, staleIfErrorMs, staleWhileRevalidateMs, sharesStore } = rules({})
  assert.deepEqual([sharesStore, rules({ store: 'redis' }).sharesStore], [false, true])
  assert.deepEqual([ttlMs, keyQuery, keyHeaders, maxObjectBytes, staleIfErrorMs, staleWhileRevalidateMs], [undefined, undefined, [], 1_048_576, 0, 0])
})

test('settings are read in the units of the edge, names of fields in one spelling', () => {
  const { ttlMs, keyQuery, keyHeaders, staleIfErrorMs } = rules({ ttlSeconds: 300, keyQuery: ['page'], keyHeaders: ['X-B', 'Accept', 'x-b'], staleIfErrorSeconds: 5 })
  assert.deepEqual([ttlMs, [...keyQuery!], keyHeaders, staleIfErrorMs], [300_000, ['page'], ['accept', 'x-b'], 5000])
})

test('a tag may hold path parameters; one that comes out empty is none', () => {
  const exchange = exchangeOf({ parameters: { id: '7' } })
  assert.deepEqual(rules({ tags: ['products', 'product-{id}', '{missing}'] }).tagsOf(exchange), ['products', 'product-7'])
})

test('what cannot be meant is refused', () => {
  assert.match(problemsOf(schema, { tags: ['a,b'] })[0]!, /without commas/)
  assert.match(problemsOf(schema, { tags: ['{a'] })[0]!, /without commas/)
  assert.match(problemsOf(schema, { keyHeaders: ['not a name'] })[0]!, /header field/)
  assert.ok(problemsOf(schema, { ttlSeconds: -1 }).length > 0)
  assert.ok(problemsOf(schema, { store: 'disk' }).length > 0)
})
