import assert from 'node:assert/strict'
import { test } from 'node:test'
import { refuse, type Policy } from '@sluice/policies/policy'
import { runDoneHooks, runRequestHooks, type ChainState, type PolicyChain } from './policy-chain.ts'

/** An exchange over these policies; `seen` is what the policies noted. */
function chainOf(...policies: Policy[]) {
  const steps = policies.map((policy, index) => ({ policy, type: `p${index}`, name: `p${index}`, isIdentity: false }))
  const chain: PolicyChain = { steps, lastIdentity: -1, groupsMatter: false, seesResponseBody: false, hasAttemptHooks: false, mayCache: false, forGroups: () => steps }
  const exchange = { steps, stepsReached: 0, stepsBegun: 0, isOver: false, identity: undefined } as unknown as { -readonly [Name in keyof ChainState]: ChainState[Name] }
  return { chain, exchange }
}

function noting(seen: string[], name: string, policy: Policy = {}): Policy {
  return { onRequest: () => undefined, onDone: () => void seen.push(name), ...policy }
}

test('every policy that was begun is told of the end, though the response passes it by', () => {
  const seen: string[] = []
  const { chain, exchange } = chainOf(noting(seen, 'a'), noting(seen, 'b', { onRequest: () => refuse('policy.forbidden') }), noting(seen, 'c'))
  void runRequestHooks(exchange, chain)
  exchange.stepsReached = 0
  runDoneHooks(exchange)
  assert.deepEqual(seen, ['a', 'b'])
})

test('one that fails at the end does not keep the others from being told', () => {
  const seen: string[] = []
  const { chain, exchange } = chainOf(noting(seen, 'a', { onDone: () => assert.fail('broken') }), noting(seen, 'b'))
  void runRequestHooks(exchange, chain)
  assert.throws(() => runDoneHooks(exchange), /broken/)
  assert.deepEqual(seen, ['b'])
})

test('after an exchange is over no further policy is asked', async () => {
  const asked: string[] = []
  const { chain, exchange } = chainOf(
    { onRequest: async () => ((exchange.isOver = true), undefined) },
    { onRequest: () => (asked.push('second'), undefined) },
  )
  await runRequestHooks(exchange, chain)
  assert.deepEqual(asked, [])
})
