import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Identity } from '@sluice/policies/exchange'
import { refuse } from '@sluice/policies/policy'
import { type ChainState, type PolicyChain, runRequestHooks, type Step } from '../policy-chain/policy-chain.ts'
import { disabledChain, guardedChain } from './guarded-chain.ts'
import { sortOrders } from './standing-orders.ts'

const who = (consumer: string, credential: string): Identity => ({ consumer, credential, groups: [], method: 'key-auth', claims: undefined, scopes: [], resolved: true })

/** A chain of one policy that knows the caller and one that would answer. */
function chainOf(caller: Identity | undefined): PolicyChain {
  const identify: Step = { type: 'key-auth', name: 'key-auth', isIdentity: true, policy: { onRequest: (exchange) => (caller === undefined ? refuse('policy.unauthenticated') : void (exchange.identity = caller)) } }
  const end: Step = { type: 'fixed-response', name: 'fixed-response', isIdentity: false, policy: { onRequest: () => ({ kind: 'answer', status: 200, headers: [], body: 'in' }) } }
  const steps = [identify, end]
  return { steps, lastIdentity: 0, groupsMatter: false, seesResponseBody: false, hasAttemptHooks: false, mayCache: false, forGroups: () => steps }
}

function decide(chain: PolicyChain, address = '192.0.2.1'): string {
  const exchange = { client: { address }, steps: chain.steps, alternatives: undefined, stepsReached: 0, stepsBegun: 0, identity: undefined, isOver: false } as unknown as ChainState
  const decision = runRequestHooks(exchange, chain)
  assert.ok(decision !== undefined && !(decision instanceof Promise))
  return decision.kind === 'refusal' ? decision.code : String(decision.status)
}

test('a consumer who is blocked is refused once it is known who is calling, others pass', () => {
  const { blocked } = sortOrders([{ action: 'block-consumer', consumer: 'acme' }, { action: 'block-credential', credential: 'k7' }])
  assert.equal(decide(guardedChain(chainOf(who('acme', 'k1')), blocked!)), 'policy.blocked')
  assert.equal(decide(guardedChain(chainOf(who('other', 'k7')), blocked!)), 'policy.blocked')
  assert.equal(decide(guardedChain(chainOf(who('other', 'k1')), blocked!)), '200')
  assert.equal(decide(guardedChain(chainOf(undefined), blocked!)), 'policy.unauthenticated')
})

test('an address that is blocked is refused before anything is asked', () => {
  const { blocked } = sortOrders([{ action: 'block-address', address: '198.51.100.0/24' }, { action: 'block-consumer', consumer: 'acme' }])
  const chain = guardedChain(chainOf(undefined), blocked!)
  assert.equal(decide(chain, '198.51.100.9'), 'policy.blocked')
  assert.equal(decide(chain, '203.0.113.9'), 'policy.unauthenticated')
  assert.equal(decide(guardedChain(chainOf(who('acme', 'k')), blocked!), '203.0.113.9'), 'policy.blocked')
})

test('a route that is switched off asks who is calling and answers nobody', () => {
  assert.equal(decide(disabledChain(chainOf(who('acme', 'k')))), 'policy.route_disabled')
  assert.equal(decide(disabledChain(chainOf(undefined))), 'policy.unauthenticated')
})

test('without orders about callers nothing is done to chains', () => {
  assert.equal(sortOrders([{ action: 'disable-route', route: 'users' }, { action: 'drain', upstream: 'users' }]).blocked, undefined)
})
