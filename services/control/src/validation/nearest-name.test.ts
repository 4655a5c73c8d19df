import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nearestName } from './nearest-name.ts'

test('a letter too many, too few, wrong or swapped is forgiven', () => {
  const names = ['users', 'orders', 'products']
  assert.equal(nearestName('userss', names), 'users')
  assert.equal(nearestName('oders', names), 'orders')
  assert.equal(nearestName('prodvcts', names), 'products')
  assert.equal(nearestName('suers', names), 'users')
})

test('of several near names the nearest is named', () => {
  assert.equal(nearestName('user', ['uses', 'users', 'usher']), 'uses')
  assert.equal(nearestName('rate-limits', ['rate-limit', 'request-limits']), 'rate-limit')
})

test('a name that differs only in case is the nearest', () => {
  assert.equal(nearestName('TrustedProxies', ['trustedProxies', 'trustedProxy']), 'trustedProxies')
})

test('a name unlike all others has no nearest', () => {
  assert.equal(nearestName('billing', ['users', 'orders']), undefined)
  assert.equal(nearestName('x', []), undefined)
})

test('hostile lengths are passed over', () => {
  assert.equal(nearestName('a'.repeat(100_000), ['users']), undefined)
})
