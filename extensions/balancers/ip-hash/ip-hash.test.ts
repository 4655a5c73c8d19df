import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { balancerContract, endpointFacts } from '../balancer.contract.ts'
import { createUpstreamEndpoints } from '../endpoints.ts'
import { hashAddress } from './hash-address.ts'
import { createBalancer } from './ip-hash.ts'

balancerContract('ip-hash', createBalancer)

suite('balancer ip-hash: how attempts are spread', () => {
  const state = createUpstreamEndpoints('users', ['a', 'b', 'c', 'd'].map((id) => endpointFacts(id)))
  const pick = (address: string) => createBalancer().pick(state, 0, undefined, address)!.id

  test('an address keeps its endpoint, and addresses are spread over all', () => {
    const picked = Array.from({ length: 400 }, (_, index) => pick(`10.0.${index >> 8}.${index & 255}`))
    assert.deepEqual(picked, Array.from({ length: 400 }, (_, index) => pick(`10.0.${index >> 8}.${index & 255}`)))
    for (const ids of Object.values(Object.groupBy(picked, (id) => id))) assert.ok(ids!.length > 70 && ids!.length < 130, `${ids![0]} has ${ids!.length}`)
  })

  test('all addresses of one IPv6 /64 go to one endpoint, however they are written', () => {
    const spellings = ['2001:db8:1:2::1', '2001:db8:1:2:3:4:5:6', '2001:0DB8:0001:0002::', '2001:db8:1:2::ffff:0:1']
    assert.equal(new Set(spellings.map(hashAddress)).size, 1)
    assert.notEqual(hashAddress('2001:db8:1:3::1'), hashAddress('2001:db8:1:2::1'))
  })

  test('zeros left out by :: count as zeros', () => {
    const pairs = [['::1', '0:0:0:0:0:0:0:1'], ['1::', '1:0:0:0:0:0:0:0'], ['1::4:5:6:7:8', '1:0:0:4:5:6:7:8'], ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'], ['1:2:3::8', '1:2:3:0:0:0:0:8'], ['1:2::', '1:2:0:0:0:0:0:0']] as const
    for (const [short, long] of pairs) assert.equal(hashAddress(short), hashAddress(long), `${short} and ${long}`)
    assert.notEqual(hashAddress('1:2::'), hashAddress('1:0:2::'))
  })
})
