import assert from 'node:assert/strict'
import { it } from 'node:test'
import { HeaderFields } from '@sluice/http'
import { keyReader, type KeyedExchange } from './pick-key.ts'

const exchange = (fields: string[] = [], consumer?: string): KeyedExchange => ({
  client: { address: '203.0.113.7' },
  request: { askedPath: '/users/17', headers: new HeaderFields(fields) },
  identity: consumer === undefined ? undefined : { consumer },
})

const keyOf = (hashOn: string | undefined, of: KeyedExchange) => keyReader('hash-on', hashOn, undefined)!(of)

it('a balancer that needs no key has none read', () => {
  assert.equal(keyReader(undefined, undefined, undefined), undefined)
})

it('a hash goes by the client\'s address, or by what the upstream names', () => {
  const asked = exchange(['X-Tenant', 'blue', 'Cookie', 'a=1; session=abc'], 'acme')
  assert.equal(keyOf(undefined, asked), '203.0.113.7')
  assert.equal(keyOf('client', asked), '203.0.113.7')
  assert.equal(keyOf('path', asked), '/users/17')
  assert.equal(keyOf('consumer', asked), 'acme')
  assert.equal(keyOf('header:X-Tenant', asked), 'blue')
  assert.equal(keyOf('cookie:session', asked), 'abc')
})

it('a request without what is hashed goes by its client\'s address', () => {
  for (const hashOn of ['consumer', 'header:X-Tenant', 'cookie:session']) assert.equal(keyOf(hashOn, exchange()), '203.0.113.7', hashOn)
})

it('a sticky cookie is read by its name, and its absence is no address', () => {
  const read = keyReader('cookie', undefined, 'sluice_users')!
  assert.equal(read(exchange(['Cookie', 'sluice_users=mark'])), 'mark')
  assert.equal(read(exchange()), undefined)
})
