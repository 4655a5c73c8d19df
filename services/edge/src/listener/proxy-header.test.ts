import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, it } from 'node:test'
import { readProxyHeader, type ProxyHeader } from './proxy-header.ts'

const text = (line: string): ProxyHeader => readProxyHeader(Buffer.from(line, 'latin1'))
const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')

function binary(versionAndCommand: number, family: number, body: Buffer, length = body.length): Buffer {
  const head = Buffer.from([versionAndCommand, family, length >> 8, length & 255])
  return Buffer.concat([signature, head, body])
}

const ipv4Body = Buffer.from([203, 0, 113, 9, 10, 0, 0, 1, 0x30, 0x39, 0x01, 0xbb])
const ipv6Body = Buffer.concat([Buffer.from('20010db8000000000000000000000007', 'hex'), Buffer.from('20010db8000000000000000000000001', 'hex'), Buffer.from([0x30, 0x39, 0x01, 0xbb])])
const tlv = Buffer.from([0xea, 0x00, 0x03, 1, 2, 3])

describe('a header of version 1', () => {
  it('names the client of the connection', () => {
    assert.deepEqual(text('PROXY TCP4 203.0.113.9 10.0.0.1 12345 443\r\nGET'), { kind: 'complete', length: 43, source: '203.0.113.9' })
    const six = text('PROXY TCP6 2001:0DB8:0:0::7 2001:db8::1 12345 443\r\n')
    assert.equal(six.kind === 'complete' && six.source, '2001:db8::7')
  })

  it('may not know it, in whatever words', () => {
    for (const line of ['PROXY UNKNOWN\r\n', 'PROXY UNKNOWN ffff:f...f:ffff what ever 1 2\r\n']) {
      assert.deepEqual(text(line), { kind: 'complete', length: line.length, source: undefined })
    }
  })

  const hostile = {
    'no header at all': 'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    'small letters': 'proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n',
    'a family that is none': 'PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n',
    'datagrams': 'PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n',
    'two spaces': 'PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n',
    'a tab': 'PROXY\tTCP4 1.2.3.4 1.2.3.4 1 2\r\n',
    'a space at the end': 'PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n',
    'one port': 'PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n',
    'three ports': 'PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n',
    'a port that is too large': 'PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n',
    'a port with a leading zero': 'PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n',
    'a negative port': 'PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n',
    'a leading zero in an address': 'PROXY TCP4 01.2.3.4 1.2.3.4 1 2\r\n',
    'three numbers': 'PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n',
    'an IPv6 address for IPv4': 'PROXY TCP4 ::1 1.2.3.4 1 2\r\n',
    'an IPv4 address for IPv6': 'PROXY TCP6 1.2.3.4 ::1 1 2\r\n',
    'a bad destination': 'PROXY TCP4 1.2.3.4 localhost 1 2\r\n',
    'a zone': 'PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n',
    'a bare line feed': 'PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n' + ' '.repeat(107),
    'no end': 'PROXY TCP4 '.padEnd(107, '1'),
    'an end that comes too late': `PROXY UNKNOWN ${'x'.repeat(100)}\r\n`,
    'a carriage return inside': 'PROXY TCP4 1.2.3.4\r 1.2.3.4 1 2\r\n',
  }
  for (const [name, line] of Object.entries(hostile)) it(`is refused: ${name}`, () => assert.deepEqual(text(line), { kind: 'bad' }))
})

describe('a header of version 2', () => {
  it('names the client of the connection, whatever else it says', () => {
    assert.deepEqual(readProxyHeader(binary(0x21, 0x11, ipv4Body)), { kind: 'complete', length: 28, source: '203.0.113.9' })
    assert.deepEqual(readProxyHeader(binary(0x21, 0x21, ipv6Body)), { kind: 'complete', length: 52, source: '2001:db8::7' })
    const more = Buffer.concat([binary(0x21, 0x11, Buffer.concat([ipv4Body, tlv])), Buffer.from('GET / HTTP/1.1')])
    assert.deepEqual(readProxyHeader(more), { kind: 'complete', length: 34, source: '203.0.113.9' })
  })

  it('may speak for the proxy itself, or not know', () => {
    assert.deepEqual(readProxyHeader(binary(0x20, 0x00, Buffer.alloc(0))), { kind: 'complete', length: 16, source: undefined })
    assert.deepEqual(readProxyHeader(binary(0x20, 0x77, Buffer.alloc(3))), { kind: 'complete', length: 19, source: undefined })
    assert.deepEqual(readProxyHeader(binary(0x21, 0x00, tlv)), { kind: 'complete', length: 22, source: undefined })
    assert.deepEqual(readProxyHeader(binary(0x21, 0x31, Buffer.alloc(216))), { kind: 'complete', length: 232, source: undefined })
  })

  const hostile = {
    'another version': binary(0x11, 0x11, ipv4Body),
    'another command': binary(0x22, 0x11, ipv4Body),
    'datagrams': binary(0x21, 0x12, ipv4Body),
    'a family that is none': binary(0x21, 0x41, ipv4Body),
    'less than its addresses': binary(0x21, 0x11, ipv4Body.subarray(0, 11)),
    'less than its IPv6 addresses': binary(0x21, 0x21, ipv4Body),
    'more than a proxy ever says': binary(0x21, 0x11, ipv4Body, 5000),
    'a signature with one byte changed': Buffer.concat([Buffer.from('\r\n\r\n\0\r\nQUIT\r', 'latin1'), Buffer.from([0x21, 0x11, 0, 12]), ipv4Body]),
  }
  for (const [name, bytes] of Object.entries(hostile)) it(`is refused: ${name}`, () => assert.deepEqual(readProxyHeader(bytes), { kind: 'bad' }))
})

describe('whatever bytes come', () => {
  const whole = [Buffer.from('PROXY TCP4 203.0.113.9 10.0.0.1 12345 443\r\n'), Buffer.from('PROXY UNKNOWN\r\n'), binary(0x21, 0x11, Buffer.concat([ipv4Body, tlv])), binary(0x21, 0x21, ipv6Body), binary(0x20, 0, Buffer.alloc(0))]

  it('each beginning of a header is one that may be completed, and what follows it changes nothing', () => {
    for (const bytes of whole) {
      for (let end = 0; end < bytes.length; end++) assert.equal(readProxyHeader(bytes.subarray(0, end)).kind, 'incomplete', `${end} bytes of ${bytes.toString('latin1')}`)
      const alone = readProxyHeader(bytes)
      assert.equal(alone.kind === 'complete' && alone.length, bytes.length)
      assert.deepEqual(readProxyHeader(Buffer.concat([bytes, Buffer.from('PROXY TCP4')])), alone)
    }
  })

  const changed = fc.tuple(fc.constantFrom(...whole), fc.nat(), fc.nat(255)).map(([bytes, at, value]) => {
    const copy = Buffer.from(bytes)
    copy[at % copy.length] = value
    return copy
  })
  const anything = fc.oneof(fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)), changed, fc.tuple(changed, changed).map((both) => Buffer.concat(both)))

  it('the outcome is bounded and final: more bytes never turn a refusal or a length into another', () => {
    fc.assert(
      fc.property(anything, fc.uint8Array({ maxLength: 40 }), (bytes, more) => {
        const outcome = readProxyHeader(bytes)
        if (outcome.kind === 'incomplete') return bytes.length < 4096
        if (outcome.kind === 'complete' && outcome.length > bytes.length) return false
        assert.deepEqual(readProxyHeader(Buffer.concat([bytes, more])), outcome)
        return true
      }),
      { seed: 20_261, numRuns: 3000 },
    )
  })

  it('a source is always an address', () => {
    fc.assert(
      fc.property(changed, (bytes) => {
        const outcome = readProxyHeader(bytes)
        return outcome.kind !== 'complete' || outcome.source === undefined || /^[0-9a-f.:]+$/.test(outcome.source)
      }),
      { seed: 20_262, numRuns: 3000 },
    )
  })
})
