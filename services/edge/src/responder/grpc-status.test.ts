import assert from 'node:assert/strict'
import { test } from 'node:test'
import { grpcStatusFields } from './grpc-status.ts'

test('errors have the status that gRPC has for them', () => {
  const status = (...error: [Parameters<typeof grpcStatusFields>[0], number]) => grpcStatusFields(...error, 'x')[1]
  assert.equal(status('policy.unauthenticated', 401), '16')
  assert.equal(status('policy.forbidden', 403), '7')
  assert.equal(status('client.no_route', 404), '12')
  assert.equal(status('policy.limit_exceeded', 429), '8')
  assert.equal(status('upstream.none_healthy', 503), '14')
  assert.equal(status('upstream.response_timeout', 504), '14')
  assert.equal(status('upstream.request_timeout', 504), '4')
  assert.equal(status('policy.fault_injected', 418), '2')
})

test('a message is told with its reason, in printable ASCII', () => {
  assert.equal(grpcStatusFields('client.no_route', 404, 'No route: 100 % für /a\n')[3], 'No route: 100 %25 f%C3%BCr /a%0A (client.no_route)')
})
