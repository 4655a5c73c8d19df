import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readHttp2Request } from './http2-request.ts'

const read = (...fields: string[]) => readHttp2Request([':method', 'GET', ':path', '/x?a=1', ':scheme', 'https', ':authority', 'a.example.com', ...fields])

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
    assert.deepEqual(readHttp2Request([':method', 'GET', ':path', '/', ':scheme', 'https', 'host', 'a.example.com']).fields, ['host', 'a.example.com'])
  })

  it('tells its length, what it expects and whether it takes trailers', () => {
    assert.deepEqual([read().contentLength, read().expectsContinue, read().expectsUnknown, read().acceptsTrailers], [-1, false, false, false])
    const request = read('content-length', '17', 'expect', '100-Continue', 'te', 'trailers')
    assert.deepEqual([request.contentLength, request.expectsContinue, request.expectsUnknown, request.acceptsTrailers], [17, true, false, true])
    assert.equal(read('expect', 'magic').expectsUnknown, true)
  })
})
