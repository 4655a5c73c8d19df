import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseHost } from './host.ts'

const good: readonly (readonly [string, string, number | undefined])[] = [
  ['api.example.com', 'api.example.com', undefined],
  ['API.Example.COM', 'api.example.com', undefined],
  ['api.example.com.', 'api.example.com', undefined],
  ['api.example.com:8443', 'api.example.com', 8443],
  ['api.example.com:', 'api.example.com', undefined],
  ['localhost:8000', 'localhost', 8000],
  ['my_service', 'my_service', undefined],
  ['127.0.0.1:80', '127.0.0.1', 80],
  ['[::1]:8000', '[::1]', 8000],
  ['[2001:DB8::1]', '[2001:db8::1]', undefined],
  ['1.2.3.4.example', '1.2.3.4.example', undefined],
]

for (const [value, host, port] of good) {
  test(`the host ${value} is ${host}, port ${port}`, () => {
    assert.deepEqual(parseHost(value), { host, port })
  })
}

const bad = [
  '', '.', ':80', 'a..b', '.a', 'a b', 'a\tb', 'user@host', 'host:0', 'host:65536', 'host:80a', 'host:+80', 'host:80:80',
  '[::1', '[::1]x', '[::1]:x', '[127.0.0.1]', '[fe80::1%25eth0]', '::1', '256.1.1.1', '127.1', '0x7f.0.0.1.0x1', 'a/b', 'a?b',
  'a#b', 'a,b', 'h%61', 'héllo', `${'a'.repeat(64)}.com`, `${'a.'.repeat(127)}aa`,
]

for (const value of bad) {
  test(`${JSON.stringify(value)} is no host`, () => {
    assert.equal(parseHost(value), undefined)
  })
}

test('whatever is accepted as a host is accepted again and stays the same', () => {
  fc.assert(
    fc.property(fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6().map((address) => `[${address}]`), fc.string()), (value) => {
      const first = parseHost(value)
      if (first !== undefined) assert.deepEqual(parseHost(first.host), { host: first.host, port: undefined })
    }),
  )
})
