import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { ipv4Number, ipv6Groups, ipv6Prefix, normaliseAddress } from './addresses.ts'

test('an IPv4 address written as IPv6 is IPv4 again', () => {
  assert.equal(normaliseAddress('::ffff:1.2.3.4'), '1.2.3.4')
  assert.equal(normaliseAddress('::FFFF:102:304'), '1.2.3.4')
  assert.equal(normaliseAddress('1.2.3.4'), '1.2.3.4')
})

test('an IPv4 address is a number, and nothing else is', () => {
  fc.assert(fc.property(fc.ipV4(), (address) => assert.equal(ipv4Number(address), Buffer.from(ipaddr.IPv4.parse(address).toByteArray()).readUInt32BE())))
  for (const text of ['', '.', '1.2.3', '1.2.3.', '.1.2.3', '1..2.3', '1.2.3.4.5', '1.2.3.256', '1.2.3.1000', '01.2.3.4', '1.2.3.00', '1.2.3.4 ', '1.2.3.x', '-1.2.3.4']) {
    assert.equal(ipv4Number(text), undefined, text)
    assert.equal(isIP(text), 0, text)
  }
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom('0', '1', '2', '5', '9', '.', '.', 'a'), maxLength: 16 }), (text) => assert.equal(ipv4Number(text) !== undefined, isIP(text) === 4)))
})

test('the groups of an IPv6 address are those that another implementation reads, and what is no address has none', () => {
  fc.assert(fc.property(fc.ipV6(), (address) => assert.deepEqual(ipv6Groups(address), ipaddr.IPv6.parse(new URL(`http://[${address}]`).hostname.slice(1, -1)).parts)), { numRuns: 1000 })
  const unit = fc.constantFrom('0', '1', 'f', 'F', ':', ':', '::', '.', '1.2.3.4', 'abcd', 'g', '%')
  fc.assert(fc.property(fc.string({ unit, maxLength: 20 }), (text) => assert.equal(ipv6Groups(text) !== undefined, isIP(text) === 6, text)), { numRuns: 20_000 })
  for (const text of ['::', '::1', '1::', '1::8', '1:2:3:4:5:6:7:8', '::1.2.3.4', '1:2:3:4:5:6:1.2.3.4', 'fe80::1%eth0']) assert.equal(ipv6Groups(text)?.length, 8, text)
  for (const text of ['', ':', ':::', '1:', ':1', '1::2::3', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7:8::', '::1:2:3:4:5:6:7:8', '12345::', '1.2.3.4', '::1.2.3.4:5', '::1.2.3']) assert.equal(ipv6Groups(text), undefined, text)
})

test('a zone id is dropped and letters are small', () => {
  assert.equal(normaliseAddress('FE80::1%eth0'), 'fe80::1')
})

test('an IPv6 address is counted by its network', () => {
  assert.equal(ipv6Prefix('2001:db8:0:1:aaaa::1', 64), '2001:db8:0:1::/64')
  assert.equal(ipv6Prefix('2001:DB8::1', 64), '2001:db8:0:0::/64')
  assert.equal(ipv6Prefix('2001:db8:abcd:1234::', 56), '2001:db8:abcd:1200::/56')
  assert.equal(ipv6Prefix('10.0.0.1', 64), '10.0.0.1')
})

test('the network of any IPv6 address is the one another implementation finds', () => {
  fc.assert(
    fc.property(fc.ipV6(), (address) => {
      const parts = ipaddr.IPv6.parse(address).parts.slice(0, 4)
      assert.equal(ipv6Prefix(address, 64), `${parts.map((part) => part.toString(16)).join(':')}::/64`)
    }),
  )
})
