import assert from 'node:assert/strict'
import { it } from 'node:test'
import { HpackDecoder } from './hpack-decoder.ts'
import { encodeHead, encodeTrailers, statusField } from './field-encoder.ts'
import { KnownStrings } from './known-strings.ts'

function decoded(block: string | undefined): string[] {
  assert.ok(block !== undefined)
  const bytes = Buffer.from(block, 'latin1')
  const flat: string[] = []
  assert.ok(new HpackDecoder(new KnownStrings()).decode(bytes, 0, bytes.length, { onField: ({ name, value }) => void flat.push(name, value) }))
  return flat
}

const date = ['date', 'Mon, 21 Oct 2013 20:13:21 GMT']

it('a response of HTTP/2 has its names in lower case and nothing of the connection', () => {
  const fields = ['Content-Type', 'text/plain', 'Connection', 'close', 'Keep-Alive', '5', 'Transfer-Encoding', 'chunked', 'Upgrade', 'h2c', 'TE', 'trailers', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2', ...date]
  // What comes again is written another way, and is the same.
  for (let round = 0; round < 4; round++) assert.deepEqual(decoded(encodeHead(200, fields)), [':status', '200', 'content-type', 'text/plain', 'set-cookie', 'a=1', 'set-cookie', 'b=2', ...date])
})

it('values that change from one response to the next are each their own', () => {
  for (let count = 0; count < 50; count++) {
    const fields = ['X-Request-ID', `id-${count}`, 'x-even', String(count >> 1), 'x-long', 'y'.repeat(count * 20), 'x-empty', '', ...date]
    assert.deepEqual(decoded(encodeHead(200, fields)), [':status', '200', ...fields.map((text, at) => (at % 2 === 0 ? text.toLowerCase() : text))])
  }
})

it('a 204 has no length', () => {
  assert.deepEqual(decoded(encodeHead(204, ['Content-Length', '0', ...date])), [':status', '204', ...date])
  assert.deepEqual(decoded(encodeHead(200, ['Content-Length', '0', ...date])), [':status', '200', 'content-length', '0', ...date])
})

it('a status that is none is told as 502', () => {
  for (const status of [199, 600, 999]) assert.deepEqual(decoded(statusField(status)), [':status', '502'])
  for (const status of [100, 200, 201, 204, 206, 299, 304, 400, 404, 418, 500, 503, 599]) assert.deepEqual(decoded(statusField(status)), [':status', String(status)])
})

it('a response without a date gets one', () => {
  const [, , name, value] = decoded(encodeHead(200, []))
  assert.equal(name, 'date')
  assert.ok(Math.abs(Date.parse(value!) - Date.now()) < 60_000)
})

it('what says who somebody is may not be indexed by anybody on the way', () => {
  // Never indexed, name 55 of the table: set-cookie.
  assert.equal(Buffer.from(encodeTrailers(['Set-Cookie', 'a'])!, 'latin1').toString('hex'), '1f280161')
  assert.equal(Buffer.from(encodeTrailers(['Server', 'a'])!, 'latin1').toString('hex'), '0f270161')
})

it('what HTTP/2 cannot carry is not written', () => {
  for (const fields of [['x', 'a\r\nb'], ['x y', 'a'], ['', 'a'], ['x', '\u0100']]) {
    assert.equal(encodeHead(200, fields), undefined)
    assert.equal(encodeTrailers(fields), undefined)
  }
})

it('blanks around a value are left out', () => {
  assert.deepEqual(decoded(encodeTrailers(['x', ' a b\t'])), ['x', 'a b'])
})

it('any number of names can be sent', () => {
  for (let count = 0; count < 3000; count++) assert.deepEqual(decoded(encodeTrailers([`x-name-${count}`, 'a'])), [`x-name-${count}`, 'a'])
})
