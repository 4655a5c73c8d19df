import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plan } from '@sluice/proto/config'
import { createLogger, systemClock } from '@sluice/service-kit'
import { compileChain, loadPolicies, type PolicyLevel } from './compile-chain.ts'
import { compilePlan, withPlans } from './plan-levels.ts'

const policies = await loadPolicies(['acl', 'key-auth', 'quota', 'rate-limit'])
const plans = [
  compilePlan(plan.parse({ name: 'free', routes: ['one'], limit: { limit: 5 }, quota: { limit: 10, period: 'day' } })),
  compilePlan(plan.parse({ name: 'gold', quota: { limit: 100, period: 'day' } })),
]
const gold: PolicyLevel = { level: 'group:gold', entries: [{ 'rate-limit': { limit: 7 } }] }

const parts = {
  clock: systemClock,
  logger: createLogger('test', { destination: { write: () => undefined } }),
  identity: { keys: () => ({ check: () => assert.fail() }), isBlind: () => false } as never,
  quota: { limiter: () => ({}), openLimit: () => ({}) } as never,
}

/** The policies of a route for a consumer of these groups. */
function stepsFor(route: string, groups: readonly string[], own: PolicyLevel['entries'] = []): string[] {
  const levels = [{ level: `route:${route}`, entries: [{ 'key-auth': {} }, ...own] }]
  return compileChain(levels, withPlans(new Map([['gold', gold]]), plans, route), policies, parts).forGroups(groups).map(({ name }) => name)
}

test('a plan brings its limits to its own routes, and a refusal to the others', () => {
  assert.deepEqual(stepsFor('one', ['plan:free']), ['key-auth', 'plan-limit', 'plan-quota'])
  assert.deepEqual(stepsFor('two', ['plan:free']), ['key-auth', 'plan'])
  assert.deepEqual(stepsFor('two', ['plan:gold']), ['key-auth', 'plan-quota'])
  assert.deepEqual(stepsFor('two', []), ['key-auth'])
})

test('nothing on the route switches a plan off, as it does the policies of a group', () => {
  const off = [{ 'rate-limit': false }, { quota: false }, { acl: false }] as const
  assert.deepEqual(stepsFor('one', ['gold', 'plan:free'], off), ['key-auth', 'plan-limit', 'plan-quota'])
  assert.deepEqual(stepsFor('two', ['gold', 'plan:free'], off), ['key-auth', 'plan'])
  assert.deepEqual(stepsFor('one', ['gold', 'plan:free']), ['key-auth', 'plan-limit', 'rate-limit', 'plan-quota'])
})

test('without plans a route has the very levels of the groups', () => {
  const levels = new Map([['gold', gold]])
  assert.equal(withPlans(levels, [], 'one'), levels)
})
