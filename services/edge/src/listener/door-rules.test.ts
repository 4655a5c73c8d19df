import assert from 'node:assert/strict'
import { it } from 'node:test'
import { CidrSet } from '@sluice/http'
import { httpListener } from '@sluice/proto/config'
import { doorRules, endOfLife } from './door-rules.ts'

const parts = { trustedProxies: new CidrSet([]), workers: 4, addressLimit: () => ({ enter: async () => ({ admitted: true, counted: true, remaining: 0 }), leave: () => undefined }) }

it('each worker takes an even part of all connections, the last one rounded up', () => {
  assert.equal(doorRules(httpListener.parse({ maxConnections: 10 }), parts).maxConnections, 3)
  assert.equal(doorRules(httpListener.parse({ maxConnections: 1 }), parts).maxConnections, 1)
})

it('nothing is counted by address where there is no limit', () => {
  assert.equal(doorRules(httpListener.parse({ maxConnectionsPerAddress: 0 }), parts).addresses, undefined)
  assert.notEqual(doorRules(httpListener.parse({}), parts).addresses, undefined)
})

it('connections that began together grow old at different times, a tenth around the one that is set', () => {
  const ends = Array.from({ length: 200 }, () => endOfLife({ maxMs: 1000, maxRequests: 0 }, 5000))
  assert.ok(Math.min(...ends) >= 5900 && Math.max(...ends) <= 6100)
  assert.ok(new Set(ends).size > 100)
  assert.equal(endOfLife({ maxMs: Infinity, maxRequests: 0 }, 5000), Infinity)
})
