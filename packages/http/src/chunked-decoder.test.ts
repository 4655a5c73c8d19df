import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ChunkedDecoder, type ChunkedState } from './chunked-decoder.ts'

interface Decoded {
  readonly state: ChunkedState
  readonly body: string
  readonly trailers: readonly string[]
  /** Bytes taken; what is left is not the message's. */
  readonly used: number
}

/** Decodes `bytes`, fed in pieces that end at `cuts`. */
function decode(bytes: string, cuts: readonly number[] = []): Decoded {
  const decoder = new ChunkedDecoder()
  const whole = Buffer.from(bytes, 'latin1')
  let body = ''
  let used = 0
  for (const end of [...cuts, whole.length]) {
    const piece = whole.subarray(used, end)
    used += decoder.feed(piece, 0, (part) => (body += part.toString('latin1')))
    if (decoder.state === 'done' || decoder.state === 'bad') break
  }
  return { state: decoder.state, body, trailers: decoder.trailers, used }
}

test('chunks are joined, and what follows the last is left', () => {
  assert.deepEqual(decode('5\r\nhello\r\n1\r\n!\r\n0\r\n\r\nGET'), { state: 'done', body: 'hello!', trailers: [], used: 21 })
})

test('trailer fields are read with the care of any field', () => {
  assert.deepEqual(decode('0\r\nX-Sum: 17\r\nX-B: \r\n\r\n').trailers, ['X-Sum', '17', 'X-B', ''])
  for (const line of ['X-Sum', ' X: 1', 'X : 1', 'X: \0', 'Content-Length: 1', 'Transfer-Encoding: chunked', 'Host: a']) {
    assert.equal(decode(`0\r\n${line}\r\n\r\n`).state, 'bad', line)
  }
})

test('a size is one to eight hexadecimal digits and CR LF', () => {
  for (const size of ['5', '05', '00000005', '000']) assert.notEqual(decode(`${size}\r\n`).state, 'bad', size)
  for (const size of ['', ' 5', '5 ', '+5', '-5', '0x5', '5;a', 'g', '000000005', '5\r', '5\n']) assert.equal(decode(`${size}\r\nhello\r\n`).state, 'bad', JSON.stringify(size))
})

test('nothing but CR LF stands behind the data', () => {
  for (const bytes of ['1\r\nab\r\n', '1\r\na\n', '1\r\na\r\r\n', '2\r\na\r\n0\r\n', '1\r\na0\r\n']) assert.equal(decode(bytes).state, 'bad', JSON.stringify(bytes))
})

test('a line that does not end is given up after its limit, not kept', () => {
  assert.equal(decode('0'.repeat(11)).state, 'bad')
  assert.equal(decode(`0\r\n${'a'.repeat(9000)}`).state, 'bad')
  assert.ok(decode(`0\r\n${'a'.repeat(9000)}`).used < 8300)
})

const chunk = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)), minLength: 1, maxLength: 40 })
const good = fc.tuple(fc.array(chunk, { maxLength: 6 }), fc.constantFrom('', 'X-A: 1\r\n', 'X-A: 1\r\nX-B: 2\r\n')).map(([chunks, trailers]) =>
  ({ bytes: `${chunks.map((data) => `${data.length.toString(16)}\r\n${data}\r\n`).join('')}0\r\n${trailers}\r\n`, body: chunks.join('') }))
const cutsOf = (bytes: string) => fc.uniqueArray(fc.integer({ min: 0, max: bytes.length }), { maxLength: 8 }).map((cuts) => cuts.sort((left, right) => left - right))

test('wherever the bytes are cut, the body is the same', () => {
  fc.assert(fc.property(good.chain(({ bytes, body }) => fc.tuple(fc.constant(bytes), fc.constant(body), cutsOf(bytes))), ([bytes, body, cuts]) => {
    assert.deepEqual(decode(bytes, cuts), decode(bytes))
    assert.equal(decode(bytes, cuts).body, body)
    assert.equal(decode(bytes).state, 'done')
  }), { numRuns: 1000, seed: 9112 })
})

const soup = fc.array(fc.oneof(fc.constantFrom('0', '5', 'a', '\r\n', '\r', '\n', 'hello', ';', 'X: 1\r\n', '0\r\n\r\n'), chunk), { maxLength: 30 }).map((parts) => parts.join(''))

test('no bytes make it throw, and cutting them changes nothing about what they are', () => {
  fc.assert(fc.property(soup.chain((bytes) => fc.tuple(fc.constant(bytes), cutsOf(bytes))), ([bytes, cuts]) => {
    assert.deepEqual(decode(bytes, cuts), decode(bytes))
  }), { numRuns: 2000, seed: 9112 })
})
