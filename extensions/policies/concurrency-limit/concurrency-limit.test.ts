import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exchangeOf, fieldValues, identityOf, partsFor, type PartsChanges, refusalOf } from '../exchange.contract.ts'
import { policyContract, settingsOf } from '../policy.contract.ts'
import type { OpenVerdict } from '../policy.ts'
import * as module from './concurrency-limit.ts'
import { schema } from './schema.ts'

policyContract({ schema, module, from: import.meta.url, examples: [{ limit: 3 }], required: 'limit' })

function compile(settings: Record<string, unknown> = {}, changes: PartsChanges = {}) {
  const parts = partsFor('concurrency-limit', changes)
  return { parts, policy: module.compile(settingsOf(schema, { limit: 2, ...settings }), parts) }
}

const answering = (verdict: OpenVerdict) => ({ enter: async () => verdict })
const full = answering({ admitted: false, counted: false, remaining: 0 })

test('a request has its place until it is over, and gives it back once', async () => {
  const { parts, policy } = compile()
  const exchange = exchangeOf({ identity: identityOf() })
  assert.equal(await policy.onRequest!(exchange), undefined)
  assert.deepEqual(parts.returned, [])
  policy.onDone!(exchange)
  policy.onDone!(exchange)
  assert.deepEqual(parts.returned, parts.seen)
  assert.equal(parts.seen.length, 1)
})

test('one too many is 429, is told when to try again, and gives nothing back', async () => {
  const { parts, policy } = compile({}, full)
  const exchange = exchangeOf()
  const refusal = await refusalOf(policy.onRequest!(exchange))
  assert.equal(refusal.code, 'policy.limit_exceeded')
  assert.deepEqual(fieldValues(refusal.headers, 'Retry-After'), ['1'])
  policy.onDone!(exchange)
  assert.deepEqual(parts.returned, [])
  assert.equal(exchange.limits[0]!.outcome, 'refused')
})

test('a client that left while its place was asked for does not keep it', async () => {
  const { parts, policy } = compile()
  const exchange = exchangeOf()
  const asked = policy.onRequest!({ ...exchange, isOver: true })
  policy.onDone!(exchange)
  await asked
  assert.deepEqual(parts.returned, parts.seen)
})

test('while nobody can count, requests are let in', async () => {
  const { parts, policy } = compile({}, answering({ admitted: true, counted: false, remaining: 0 }))
  const exchange = exchangeOf()
  assert.equal(await policy.onRequest!(exchange), undefined)
  policy.onDone!(exchange)
  assert.deepEqual(parts.returned, [])
  assert.equal(exchange.limits[0]!.outcome, 'open')
})

test('keys and places are counted apart; a limit that was changed goes on counting', () => {
  const counterOf = (settings: Record<string, unknown>, place: PartsChanges['place'] = {}) => compile(settings, { place }).parts.asked.openLimits[0]!.counter
  assert.equal(counterOf({}), counterOf({ limit: 9, key: 'consumer' }))
  for (const other of [counterOf({ key: 'ip' }), counterOf({}, { level: 'global' }), counterOf({}, { name: 'second' })]) assert.notEqual(other, counterOf({}))
})

test('what a client is told of rate limits does not speak of it', async () => {
  const exchange = exchangeOf()
  await compile().policy.onRequest!(exchange)
  assert.equal(exchange.limits[0]!.isHidden, true)
})

test('by address it needs no identity', () => {
  assert.equal(schema.early!(settingsOf(schema, { limit: 1, key: 'ip' })), true)
  assert.equal(schema.early!(settingsOf(schema, { limit: 1 })), false)
})
