import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { notBuiltPolicies } from '@sluice/proto/config'
import { catalogue, findPolicy, runningOrder, standingPolicies } from './index.ts'

const step = (type: string, settings: Record<string, unknown> = {}) => ({ type, settings: findPolicy(type)!.settings.parse(settings) as unknown })
const names = (entries: readonly { type: string }[]) => entries.map(({ type }) => type)

test('every folder is a policy of the catalogue, and the other way round', () => {
  const folders = readdirSync(import.meta.dirname, { withFileTypes: true }).filter((one) => one.isDirectory() && one.name !== 'node_modules')
  assert.deepEqual(names(catalogue.map(({ name }) => ({ type: name }))).sort(), folders.map(({ name }) => name).sort())
})

test('a policy that is built is not called unbuilt', () => {
  assert.deepEqual(catalogue.filter(({ name }) => notBuiltPolicies.includes(name)), [])
})

test('a policy is found by its name, and nothing under another', () => {
  assert.equal(findPolicy('cors')?.name, 'cors')
  assert.equal(findPolicy('constructor'), undefined)
})

test('policies run in the order of the catalogue, whatever the order in the file', () => {
  const origins = ['*']
  const written = [step('fixed-response'), step('rate-limit'), step('acl', { deny: { groups: ['a'] } }), step('key-auth'), step('cors', { origins }), step('request-limits'), step('request-id'), step('request-transform')]
  assert.deepEqual(names(runningOrder(written)), ['request-id', 'request-limits', 'cors', 'key-auth', 'acl', 'rate-limit', 'request-transform', 'fixed-response'])
})

test('a limit that needs no identity runs behind CORS and before any identity policy', () => {
  const written = [step('rate-limit', { key: 'consumer' }), step('key-auth'), step('rate-limit', { name: 'per-address', key: 'ip' }), step('cors', { origins: ['*'] })]
  const order = runningOrder(written)
  assert.deepEqual(names(order), ['cors', 'rate-limit', 'key-auth', 'rate-limit'])
  assert.equal(order[1], written[2])
})

test('several of one type keep the order they were given in', () => {
  const written = ['a', 'b', 'c'].map((name) => step('rate-limit', { name }))
  assert.deepEqual(runningOrder(written), written)
})

test('a policy that nobody knows has no place in the order', () => {
  assert.throws(() => runningOrder([{ type: 'cros', settings: {} }]), /"cros"/)
})

test('sizes are limited and ids made on every route', () => {
  assert.deepEqual(standingPolicies, [{ 'request-id': {} }, { 'request-limits': {} }])
  for (const entry of standingPolicies) for (const [name, settings] of Object.entries(entry)) assert.ok(findPolicy(name)!.settings.safeParse(settings).success)
})

test('every policy can be loaded', async () => {
  for (const one of catalogue) assert.equal(typeof (await one.load()).compile, 'function', one.name)
})
