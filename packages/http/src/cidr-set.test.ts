import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { CidrSet, isCidr } from './cidr-set.ts'

test('a range contains its addresses and no others', () => {
  const set = new CidrSet(['10.0.0.0/8', '192.168.1.7', '2001:db8::/32'])
  for (const address of ['10.1.2.3', '192.168.1.7', '2001:db8:1::1', '::ffff:10.1.2.3']) assert.ok(set.contains(address), address)
  for (const address of ['11.0.0.1', '192.168.1.8', '2001:db9::1', 'unknown', '', '10.0.0.1:80']) assert.ok(!set.contains(address), address)
})

test('an empty set contains nothing', () => {
  assert.equal(new CidrSet([]).contains('127.0.0.1'), false)
})

test('a range that covers everything contains everything of its family', () => {
  const set = new CidrSet(['0.0.0.0/0'])
  assert.ok(set.contains('1.2.3.4'))
  assert.ok(!set.contains('2001:db8::1'))
})

for (const range of ['', '10.0.0.0/33', '10.0.0/8', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/8x', '::/129', 'fe80::1%eth0/64', 'example.com']) {
  test(`${JSON.stringify(range)} is refused as a range, by name`, () => {
    assert.throws(() => new CidrSet([range]), (error: Error) => error instanceof RangeError && error.message.includes(`"${range}"`))
  })
}

test('ranges of IPv4 addresses may be written as IPv6, and a range may name any of its addresses', () => {
  const set = new CidrSet(['::ffff:10.0.0.0/104', '192.168.7.9/16'])
  for (const address of ['10.1.2.3', '::ffff:a01:203', '192.168.0.0', '192.168.255.255']) assert.ok(set.contains(address), address)
  for (const address of ['11.0.0.0', '9.255.255.255', '192.169.0.0', '::a01:203']) assert.ok(!set.contains(address), address)
  assert.equal(isCidr('::ffff:10.0.0.0/95'), false)
})

const range4 = fc.tuple(fc.ipV4(), fc.integer({ min: 0, max: 32 })).map(([address, bits]) => `${address}/${bits}`)
const range6 = fc.tuple(fc.ipV6(), fc.integer({ min: 0, max: 128 })).map(([address, bits]) => `${address}/${bits}`)

/** `address` moved by a few bits, so that it is often just inside or outside. */
function nearby(range: string, flip: number): string {
  const bytes = ipaddr.parse(range.slice(0, range.indexOf('/'))).toByteArray()
  const bit = flip % (bytes.length * 8)
  bytes[bit >> 3]! ^= 128 >> (bit & 7)
  return ipaddr.fromByteArray(bytes).toString()
}

test('any set of ranges holds what another implementation finds in one of them', () => {
  const lookUps = fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(fc.array(fc.oneof(range4, range6), { minLength: 1, maxLength: 30 }), lookUps, (ranges, choices) => {
      // An IPv4 address inside IPv6 has rules of its own, above.
      const plain = ranges.filter((range) => !/^(::|0+:)/.test(range))
      const set = new CidrSet(plain)
      const parsed = plain.map((range) => ipaddr.parseCIDR(range))
      for (const [which, flip] of plain.length === 0 ? [] : choices) {
        const address = nearby(plain[which % plain.length]!, flip)
        const found = parsed.some(([network, bits]) => network.kind() === ipaddr.parse(address).kind() && ipaddr.parse(address).match(network, bits))
        assert.equal(set.contains(address), found, address)
      }
    }),
    { numRuns: 1000 },
  )
})

/** The same for every run: a linear congruential generator. */
function numbers(): (below: number) => number {
  let state = 1
  return (below) => (state = (state * 1_103_515_245 + 12_345) % 2_147_483_648) % below
}

for (const [family, make] of [
  ['IPv4', (below: (most: number) => number) => `${below(223) + 1}.${below(256)}.${below(256)}.${below(256)}/${12 + below(21)}`],
  ['IPv6', (below: (most: number) => number) => `2${below(10)}01:${below(9999)}:${below(9999)}:${below(9999)}::/${32 + below(33)}`],
] as const) {
  test(`a hundred thousand ranges of all lengths are searched in as if they were few, ${family}`, () => {
    const below = numbers()
    const ranges = Array.from({ length: 100_000 }, () => make(below))
    let began = performance.now()
    const set = new CidrSet(ranges)
    const builtMs = performance.now() - began
    const addresses = ranges.slice(0, 20_000).map((range) => range.slice(0, range.indexOf('/')))
    began = performance.now()
    assert.ok(addresses.every((address) => set.contains(address)))
    const lookedUpMs = performance.now() - began
    // Ten times what it takes on an idle machine: a scan of all of them takes a thousand times as long.
    assert.ok(builtMs < 5000 && lookedUpMs < 200, `built in ${builtMs} ms, 20,000 looked up in ${lookedUpMs} ms`)
  })
}
