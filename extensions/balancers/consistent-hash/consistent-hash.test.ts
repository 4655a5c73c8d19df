import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { balancerContract, endpointFacts } from '../balancer.contract.ts'
import { createUpstreamEndpoints } from '../endpoints.ts'
import { createBalancer } from './consistent-hash.ts'

balancerContract('consistent-hash', createBalancer)

suite('balancer consistent-hash: how attempts are spread', () => {
  const state = createUpstreamEndpoints('users', ['a', 'b', 'c'].map((id) => endpointFacts(id)))

  test('it goes by what the upstream hashes on', () => {
    assert.equal(createBalancer().needsKey, 'hash-on')
  })

  test('a key has one endpoint, whichever worker is asked', () => {
    const workers = [createBalancer(), createBalancer()]
    for (let key = 0; key < 200; key++) {
      const picked = workers.flatMap((worker) => [worker.pick(state, 0, undefined, `k${key}`)!.id, worker.pick(state, 1, undefined, `k${key}`)!.id])
      assert.equal(new Set(picked).size, 1, `k${key} went to ${picked.join(' ')}`)
    }
  })

  test('a retry of one key goes to the same other endpoint each time', () => {
    const first = createBalancer().pick(state, 0, undefined, 'k')!.id
    const seconds = Array.from({ length: 20 }, () => createBalancer().pick(state, 0, new Set([first]), 'k')!.id)
    assert.equal(new Set(seconds).size, 1)
    assert.notEqual(seconds[0], first)
  })
})
