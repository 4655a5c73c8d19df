import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { HeadReader } from './engine-head-reader.ts'

interface Read {
  /** The target of each head, or the code of what is wrong; reading ends with the first of those. */
  readonly heads: readonly string[]
  /** Whether more of a head was waited for at the end. */
  readonly begun: boolean
}

function read(text: string, cuts: readonly number[] = [], maxBytes = 1000): Read {
  const reader = new HeadReader(maxBytes)
  const heads: string[] = []
  let from = 0
  for (const end of [...cuts, text.length]) {
    const piece = text.slice(from, end)
    from = end
    for (let at = 0; at < piece.length; ) {
      at = reader.feed(piece, at)
      const { outcome } = reader
      if (typeof outcome === 'string') return { heads: [...heads, outcome], begun: false }
      if (outcome !== undefined) heads.push(outcome.target)
    }
  }
  return { heads, begun: reader.hasBegun }
}

const head = (target: string, more = '') => `GET ${target} HTTP/1.1\r\nHost: a\r\n${more}\r\n`

test('heads are read one after another out of one text', () => {
  assert.deepEqual(read(`${head('/a')}${head('/b')}GET /c`), { heads: ['/a', '/b'], begun: true })
})

test('one empty line before a head is passed over, two are not', () => {
  assert.deepEqual(read(`\r\n${head('/a')}\r\n${head('/b')}`).heads, ['/a', '/b'])
  assert.deepEqual(read(`\r\n\r\n${head('/a')}`).heads, ['client.bad_request'])
})

test('an empty line by itself begins no head', () => {
  assert.deepEqual(read('\r\n'), { heads: [], begun: false })
  assert.deepEqual(read('\r\n', [1]), { heads: [], begun: false })
})

test('what can never become a head is refused before its end', () => {
  assert.deepEqual(read('GET / HTTP/1.1\n').heads, ['client.bad_request'])
  assert.deepEqual(read('\x16\x03\x01').heads, ['client.bad_request'])
})

test('a head is refused as soon as it is too large, by what is too large about it', () => {
  assert.deepEqual(read(`GET /${'a'.repeat(2000)}`).heads, ['client.url_too_long'])
  assert.deepEqual(read(`GET / HTTP/1.1\r\nX: ${'a'.repeat(2000)}`).heads, ['client.header_too_large'])
  assert.deepEqual(read(head('/', `X: ${'a'.repeat(2000)}\r\n`)).heads, ['client.header_too_large'])
  assert.deepEqual(read(head('/', `X: ${'a'.repeat(900)}\r\n`)).heads, ['/'])
})

const part = fc.constantFrom(head('/a'), head('/b', 'X-A: 1\r\n'), '\r\n', '\r', '\n', 'GET ', ' ', 'x', ':', 'Host: a\r\n', '\0', '\r\n\r\n', 'POST /c HTTP/1.1\r\n')
const textAndCuts = fc.array(part, { maxLength: 8 }).map((parts) => parts.join('')).chain((text) =>
  fc.tuple(fc.constant(text), fc.uniqueArray(fc.integer({ min: 0, max: text.length }), { maxLength: 10 }).map((cuts) => cuts.sort((left, right) => left - right))))

test('wherever the text is cut, the heads are the same', () => {
  fc.assert(fc.property(textAndCuts, ([text, cuts]) => {
    assert.deepEqual(read(text, cuts), read(text))
  }), { numRuns: 5000, seed: 9112 })
})
