import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SluiceError } from '@sluice/errors'
import fc from 'fast-check'
import { CidrSet } from './cidr-set.ts'
import { clientAddress, forwardedHops, nodeAddress, parseForwarded, parseForwardedFor } from './forwarded.ts'
import { HeaderFields } from './header-fields.ts'

const proxies = new CidrSet(['10.0.0.0/8', '2001:db8:f::/48'])
const isMalformed = (error: unknown): boolean => error instanceof SluiceError && error.code === 'client.forwarded_malformed'

test('the examples of RFC 7239 §4 are read', () => {
  assert.deepEqual(parseForwarded('for="_gazonk"'), [{ for: '_gazonk' }])
  assert.deepEqual(parseForwarded('For="[2001:db8:cafe::17]:4711"'), [{ for: '[2001:db8:cafe::17]:4711' }])
  assert.deepEqual(parseForwarded('for=192.0.2.60;proto=http;by=203.0.113.43'), [{ for: '192.0.2.60', proto: 'http', by: '203.0.113.43' }])
  assert.deepEqual(parseForwarded('for=192.0.2.43, for=198.51.100.17'), [{ for: '192.0.2.43' }, { for: '198.51.100.17' }])
})

test('quoted pairs, empty elements and unquoted ports are read', () => {
  assert.deepEqual(parseForwarded('host="a\\"b,;c" ; for=1.2.3.4:80 ,, ;proto=https'), [{ host: 'a"b,;c', for: '1.2.3.4:80' }, { proto: 'https' }])
  assert.deepEqual(parseForwarded(''), [])
})

for (const value of ['for', 'for=', 'for="a', 'for=a b', 'for=a;for=b', '=a', 'for=a,"', Array(70).fill('for=a').join(',')]) {
  test(`the Forwarded field ${JSON.stringify(value.slice(0, 20))} cannot be read`, () => {
    assert.throws(() => parseForwarded(value), isMalformed)
  })
}

test('no Forwarded field makes the reader do anything but answer or refuse', () => {
  const soup = fc.array(fc.constantFrom('for=', '"', '\\', ',', ';', 'a', '[::1]', ' ', '=', 'host', '1.2.3.4', '_x'), { maxLength: 30 })
  fc.assert(fc.property(soup, (pieces) => {
    try {
      for (const element of parseForwarded(pieces.join(''))) assert.ok(Object.keys(element).length > 0)
    } catch (error) {
      assert.ok(isMalformed(error))
    }
  }))
})

test('a node is read as an address, with or without port, or as none', () => {
  assert.equal(nodeAddress('192.0.2.1'), '192.0.2.1')
  assert.equal(nodeAddress('192.0.2.1:8080'), '192.0.2.1')
  assert.equal(nodeAddress('[2001:DB8::1]:80'), '2001:db8::1')
  assert.equal(nodeAddress('2001:db8::1'), '2001:db8::1')
  assert.equal(nodeAddress('::ffff:1.2.3.4'), '1.2.3.4')
  for (const node of ['unknown', '_hidden', '', '[::1', 'example.com', '1.2.3.4.5', '[]']) assert.equal(nodeAddress(node), undefined, node)
})

test('the client is the first address behind the trusted proxies', () => {
  assert.equal(clientAddress('10.0.0.1', ['9.9.9.9', '1.2.3.4', '10.0.0.2'], proxies), '1.2.3.4')
})

test('an untrusted peer is the client, whatever it claims', () => {
  assert.equal(clientAddress('1.2.3.4', ['10.0.0.9', '8.8.8.8'], proxies), '1.2.3.4')
})

test('a chain of nothing but proxies ends at the farthest of them', () => {
  assert.equal(clientAddress('10.0.0.1', ['10.0.0.3', '10.0.0.2'], proxies), '10.0.0.3')
})

test('a hop without an address ends the walk at the proxy that reported it', () => {
  assert.equal(clientAddress('10.0.0.1', ['1.2.3.4', 'unknown', '10.0.0.2'], proxies), '10.0.0.2')
})

test('IPv6 proxies and clients are followed too', () => {
  assert.equal(clientAddress('2001:db8:f::1', ['"ignored"', '[2001:db8::7]:1234'], proxies), '2001:db8::7')
  assert.equal(clientAddress('::ffff:10.0.0.1', ['1.2.3.4'], proxies), '1.2.3.4')
})

test('hops come from either field, and X-Forwarded-For is believed when both stand', () => {
  assert.deepEqual(forwardedHops(new HeaderFields(['X-Forwarded-For', '1.1.1.1, 2.2.2.2', 'X-Forwarded-For', '3.3.3.3'])), ['1.1.1.1', '2.2.2.2', '3.3.3.3'])
  assert.deepEqual(forwardedHops(new HeaderFields(['Forwarded', 'for=1.1.1.1', 'Forwarded', 'proto=http, for=2.2.2.2'])), ['1.1.1.1', 'unknown', '2.2.2.2'])
  assert.deepEqual(forwardedHops(new HeaderFields(['Forwarded', 'for=6.6.6.6', 'X-Forwarded-For', '1.1.1.1'])), ['1.1.1.1'])
  assert.deepEqual(forwardedHops(new HeaderFields([])), [])
})

test('a chain longer than any real one is refused', () => {
  assert.throws(() => parseForwardedFor([Array(65).fill('1.2.3.4').join(',')]), isMalformed)
})
