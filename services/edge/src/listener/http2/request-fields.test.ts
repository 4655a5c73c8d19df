import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Field } from './field.ts'
import { RequestFields } from './request-fields.ts'

function fieldsOf(flat: readonly string[], isTrailers = false): RequestFields {
  const fields = new RequestFields({ maxHeaderListBytes: 1000, maxHeaderFields: 10 })
  fields.begin(isTrailers)
  for (let at = 0; at < flat.length; at += 2) fields.onField(new Field(flat[at]!, flat[at + 1]!))
  return fields
}

const head = [':method', 'GET', ':path', '/x?a=1', ':scheme', 'https', ':authority', 'a.example.com']
const read = (...fields: string[]) => fieldsOf([...head, ...fields]).request()!

describe('a request of HTTP/2', () => {
  it('has the authority as its Host, and its other fields in their order', () => {
    const request = read('accept', '*/*', 'x-one', '1', 'x-one', '2')
    assert.deepEqual([request.method, request.target], ['GET', '/x?a=1'])
    assert.deepEqual(request.fields, ['host', 'a.example.com', 'accept', '*/*', 'x-one', '1', 'x-one', '2'])
  })

  it('has one cookie field, whatever it was split into', () => {
    assert.deepEqual(read('cookie', 'a=1', 'x', 'y', 'cookie', 'b=2', 'cookie', 'c=3').fields, ['host', 'a.example.com', 'cookie', 'a=1; b=2; c=3', 'x', 'y'])
  })

  it('with a Host that says the same has one, with another it has two and is refused for it', () => {
    assert.deepEqual(read('host', 'A.example.com').fields, ['host', 'a.example.com'])
    assert.deepEqual(read('host', 'b.example.com').fields, ['host', 'a.example.com', 'host', 'b.example.com'])
  })

  it('without an authority keeps the Host that it has', () => {
    assert.deepEqual(fieldsOf([':method', 'GET', ':path', '/', ':scheme', 'https', 'host', 'a.example.com']).request()?.fields, ['host', 'a.example.com'])
  })

  it('tells its length, what it expects and whether it takes trailers', () => {
    assert.deepEqual([read().contentLength, read().expectsContinue, read().expectsUnknown, read().acceptsTrailers], [-1, false, false, false])
    const request = read('content-length', '17', 'expect', '100-Continue', 'te', 'trailers')
    assert.deepEqual([request.contentLength, request.expectsContinue, request.expectsUnknown, request.acceptsTrailers], [17, true, false, true])
    assert.equal(read('expect', 'magic').expectsUnknown, true)
  })

  it('is gRPC by its type, and a WebSocket by its protocol', () => {
    assert.deepEqual(['application/grpc', 'application/grpc+proto', 'application/grpc-web', 'text/plain'].map((type) => read('content-type', type).isGrpc), [true, true, false, false])
    const socket = fieldsOf([':method', 'CONNECT', ':protocol', 'websocket', ...head.slice(2)]).request()
    assert.deepEqual([socket?.method, socket?.protocol, socket?.target], ['GET', 'websocket', '/x?a=1'])
  })

  it('that is too large says so, however much more comes', () => {
    for (const flat of [['x', 'y'.repeat(1000)], Array<string>(20).fill('x')]) {
      const request = read(...flat, ...Array<string>(5000).fill('more'))
      assert.ok(request.isTooLarge)
      assert.ok(request.fields.length < 30)
    }
  })
})

const without = (name: string) => head.filter((_, at) => head[at & ~1] !== name)
const malformed: Record<string, readonly string[]> = {
  'no method': without(':method'),
  'no path': without(':path'),
  'no scheme': without(':scheme'),
  'two methods': [':method', 'GET', ...head],
  'two paths': [':path', '/', ...head],
  'two authorities': [':authority', 'b', ...head],
  'a pseudo-header field that nobody knows': [':unknown', '1', ...head],
  'a field of responses': [':status', '200', ...head],
  'a pseudo-header field behind another field': ['x', '1', ...head],
  'a pseudo-header field behind a Host that is dropped': [':authority', 'a', 'host', 'a', ...without(':authority')],
  'an empty path': [':path', '', ...without(':path')],
  'a path with a blank': [':path', '/a b', ...without(':path')],
  'an absolute target': [':path', 'https://b.example.com/', ...without(':path')],
  'the target * of anything but OPTIONS': [':path', '*', ...without(':path')],
  'a method that is no token': [':method', 'GET /', ...without(':method')],
  'a tunnel with a path': [':method', 'CONNECT', ...without(':method')],
  'a protocol with another method': [':protocol', 'websocket', ...head],
  'a name with a capital': [...head, 'X-One', '1'],
  'a name that is no token': [...head, 'x one', '1'],
  'an empty name': [...head, '', '1'],
  'a value with a line end': [...head, 'x', 'a\r\nb: c'],
  'a value with a zero': [...head, 'x', 'a\0'],
  'a value with a blank in front': [...head, 'x', ' a'],
  'a value with a tab behind': [...head, 'x', 'a\t'],
  'a field of the connection': [...head, 'connection', 'close'],
  'a transfer coding': [...head, 'transfer-encoding', 'chunked'],
  'an upgrade': [...head, 'upgrade', 'h2c'],
  'TE with more than trailers': [...head, 'te', 'trailers, gzip'],
  'two lengths': [...head, 'content-length', '1', 'content-length', '1'],
  'a length that is no number': [...head, 'content-length', '+1'],
}
for (const [what, flat] of Object.entries(malformed)) {
  it(`is malformed with ${what}`, () => assert.equal(fieldsOf(flat).request(), undefined))
}

it('OPTIONS may ask for *, and a tunnel for an authority alone', () => {
  assert.equal(fieldsOf([':method', 'OPTIONS', ':path', '*', ':scheme', 'https', ':authority', 'a']).request()?.target, '*')
  assert.equal(fieldsOf([':method', 'CONNECT', ':authority', 'a:443']).request()?.method, 'CONNECT')
})

it('trailers are fields without anything that a head says', () => {
  assert.deepEqual(fieldsOf(['x-sum', '17', 'cookie', 'a=b'], true).trailers(), ['x-sum', '17', 'cookie', 'a=b'])
  for (const flat of [[':path', '/'], ['X', '1'], ['connection', 'close'], ['x', 'y'.repeat(1000)]]) assert.equal(fieldsOf(flat, true).trailers(), undefined, String(flat[0]))
})
