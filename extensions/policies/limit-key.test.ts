import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { exchangeOf, identityOf } from './exchange.contract.ts'
import { compileKey } from './limit-key.ts'

const client = (address: string) => exchangeOf({ client: { address } })
const byHeaders = compileKey(['header:X-A', 'header:x-b'])
const sending = (a: string, b: string) => exchangeOf({ headers: ['x-a', a, 'X-B', b] })

test('a known caller is counted by name, an unknown one by address', () => {
  const key = compileKey(['consumer'])
  assert.equal(key(exchangeOf({ identity: identityOf({ consumer: 'acme' }) })), key(exchangeOf({ identity: identityOf({ consumer: 'acme', credential: 'another' }) })))
  assert.equal(key(client('192.0.2.1')), compileKey(['ip'])(client('192.0.2.1')))
})

test('no caller can be named so that it shares the count of an address', () => {
  const key = compileKey(['consumer'])
  assert.notEqual(key(exchangeOf({ identity: identityOf({ consumer: '192.0.2.1' }) })), key(client('192.0.2.1')))
})

test('IPv6 addresses of one /64 are counted together', () => {
  const key = compileKey(['ip'])
  assert.equal(key(client('2001:db8:1:2::1')), key(client('2001:db8:1:2:ffff::9')))
  assert.notEqual(key(client('2001:db8:1:2::1')), key(client('2001:db8:1:3::1')))
  assert.notEqual(key(client('192.0.2.1')), key(client('192.0.2.2')))
})

test('routes, headers and claims are counted apart', () => {
  assert.notEqual(compileKey(['route'])(exchangeOf({ route: { name: 'a' } })), compileKey(['route'])(exchangeOf({ route: { name: 'b' } })))
  const byClaim = compileKey(['claim:tenant'])
  const having = (tenant: unknown) => byClaim(exchangeOf({ identity: identityOf({ claims: { tenant } }) }))
  assert.notEqual(having('a'), having('b'))
  assert.equal(having(7), having('7'))
  assert.equal(byClaim(exchangeOf()), having(undefined))
})

test('no value of one part can pose as two', () => {
  fc.assert(fc.property(fc.string(), fc.string(), fc.string(), fc.string(), (a, b, c, d) => {
    assert.equal(byHeaders(sending(a, b)) === byHeaders(sending(c, d)), a === c && b === d)
  }))
})

test('a key stays short whatever a client sends', () => {
  assert.ok(byHeaders(sending('x'.repeat(8000), 'y')).length <= 128)
  assert.notEqual(byHeaders(sending('x'.repeat(8000), 'y')), byHeaders(sending('x'.repeat(8000), 'z')))
})
