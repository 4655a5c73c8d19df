import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { EndpointHealth } from '@sluice/proto/messages/discovery'
import { encodeState, maxStateBytes, type PlainUpstreamState } from './upstream-state.ts'

function stateOf(count: number, urlLength: number, tags: string[] = []): PlainUpstreamState {
  const endpoints = Array.from({ length: count }, (_, index) => {
    const url = `http://host-${index}.internal:9001/`.padEnd(urlLength, 'x')
    const health = index === count - 1 ? EndpointHealth.UNHEALTHY : EndpointHealth.HEALTHY
    return { id: url, url, weight: 1, zone: '', priority: 0, health, reason: '', tags, version: '', datacenter: '', changedAtMs: 0 }
  })
  return { scope: 'default', upstream: 'users', version: 1, epochMs: 1, endpoints, heldCircuit: '' }
}

suite('the message about an upstream', () => {
  test('an ordinary upstream goes whole', () => {
    const { message, leftOut } = encodeState(stateOf(1000, 40, ['v2']))
    assert.deepEqual([message.endpoints.length, message.endpoints[0]!.tags, leftOut], [1000, ['v2'], 0])
  })

  test('a large one goes without what only people read', () => {
    const { message, bytes, leftOut } = encodeState(stateOf(5000, 40, ['x'.repeat(128), 'y'.repeat(128)]))
    assert.deepEqual([message.endpoints.length, message.endpoints[0]!.tags, leftOut], [5000, [], 0])
    assert.ok(bytes.length <= maxStateBytes)
  })

  test('of one that is too large even so healthy endpoints are left out, unhealthy ones never', () => {
    const { message, bytes, leftOut } = encodeState(stateOf(10_000, 200))
    assert.ok(bytes.length <= maxStateBytes)
    assert.equal(message.endpoints.length + leftOut, 10_000)
    assert.ok(message.endpoints.length > 1000)
    assert.equal(message.endpoints[0]!.health, EndpointHealth.UNHEALTHY)
  })
})
