import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isBrokenHead, parseRequestHead, parseResponseHead, type RequestHead } from './message-head.ts'

function request(text: string): ReturnType<typeof parseRequestHead> {
  return parseRequestHead(text, 0, text.length)
}

function readRequest(text: string): RequestHead {
  const head = request(text)
  if (typeof head === 'string') throw new Error(head)
  return head
}

const response = (text: string, method = 'GET') => parseResponseHead(text, 0, text.length, method)

test('a request head is method, target, version, fields and framing', () => {
  const head = readRequest('POST /a?b=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nX-A:  one \r\n\r\n')
  assert.equal(head.method, 'POST')
  assert.equal(head.target, '/a?b=1')
  assert.equal(head.minor, 1)
  assert.equal(head.framing, 'length')
  assert.equal(head.keepAlive, true)
  assert.deepEqual(head.fields.flat, ['Host', 'x', 'Content-Length', '5', 'X-A', 'one'])
})

test('a head may stand anywhere in a longer text', () => {
  const text = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'
  const head = parseRequestHead(`garbage${text}GET`, 7, 7 + text.length)
  assert.equal(typeof head !== 'string' && head.target, '/')
})

test('HTTP/1.0 is kept alive only where it asks for it, HTTP/1.1 unless it asks not to be', () => {
  const keepAlive = (version: string, connection: string) => readRequest(`GET / HTTP/${version}\r\nHost: x\r\n${connection}\r\n`).keepAlive
  assert.equal(keepAlive('1.0', ''), false)
  assert.equal(keepAlive('1.0', 'Connection: Keep-Alive\r\n'), true)
  assert.equal(keepAlive('1.1', ''), true)
  assert.equal(keepAlive('1.1', 'Connection: a, CLOSE\r\n'), false)
  assert.equal(keepAlive('1.1', 'Connection: closed\r\n'), true)
})

test('HTTP/1.1 needs one Host, HTTP/1.0 at most one', () => {
  assert.equal(request('GET / HTTP/1.1\r\n\r\n'), 'client.bad_host')
  assert.equal(request('GET / HTTP/1.1\r\nHost: a\r\nHOST: a\r\n\r\n'), 'client.bad_host')
  assert.equal(request('GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n'), 'client.bad_host')
  assert.equal(typeof request('GET / HTTP/1.0\r\n\r\n'), 'object')
})

test('what a response says of its body is read in the order of RFC 9112 §6.3', () => {
  const framing = (head: string, method = 'GET') => response(`HTTP/1.1 ${head}\r\n\r\n`, method)?.framing
  assert.equal(framing('200 OK\r\nContent-Length: 5'), 'length')
  assert.equal(framing('200 OK\r\nContent-Length: 0'), 'none')
  assert.equal(framing('200 OK\r\nTransfer-Encoding: chunked'), 'chunked')
  assert.equal(framing('200 OK'), 'close')
  assert.equal(framing('204 No Content\r\nContent-Length: 5'), 'none')
  assert.equal(framing('304 Not Modified\r\nContent-Length: 5'), 'none')
  assert.equal(framing('200 OK\r\nContent-Length: 5', 'HEAD'), 'none')
  assert.equal(framing('100 Continue'), 'none')
})

test('a response whose end is the connection is never kept alive', () => {
  assert.equal(response('HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n')?.keepAlive, false)
  assert.equal(response('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n')?.keepAlive, true)
  assert.equal(response('HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n')?.keepAlive, false)
})

test('a head that can never become one is seen before its end', () => {
  for (const text of ['GET / HTTP/1.1\n', '\n', 'GET /\0', 'a\rb', 'a\x01', '\x16\x03\x01']) assert.equal(isBrokenHead(text), true, JSON.stringify(text))
  for (const text of ['', 'GET', 'GET / HTTP/1.1\r', 'GET / HTTP/1.1\r\n', 'a\r\nb\tc\r\n', '\r\n', 'X-A: \xff']) assert.equal(isBrokenHead(text), false, JSON.stringify(text))
})

const latin1 = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code))
const piece = fc.oneof(
  fc.constantFrom('GET', ' ', '/', 'HTTP/1.1', 'HTTP/1.0', '\r\n', '\r', '\n', ':', 'Host', 'Host: a', 'Content-Length: 5', 'Transfer-Encoding: chunked', 'Connection: close', '\t', ',', '200', 'OK', '\r\n\r\n', '\0'),
  latin1,
)
const soup = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''))

test('no text makes the parsers throw, and whatever is read as a request could be sent again as it is', () => {
  fc.assert(fc.property(soup, fc.boolean(), (body, isLikely) => {
    const text = isLikely ? `GET / HTTP/1.1\r\nHost: a\r\n${body}\r\n\r\n` : `${body}\r\n\r\n`
    const end = text.indexOf('\r\n\r\n') + 4
    parseResponseHead(text, 0, end, 'GET')
    const head = parseRequestHead(text, 0, end)
    if (typeof head === 'string') return
    const { flat } = head.fields
    let written = `${head.method} ${head.target} HTTP/1.${head.minor}\r\n`
    for (let at = 0; at < flat.length; at += 2) written += `${flat[at]}: ${flat[at + 1]}\r\n`
    const again = parseRequestHead(`${written}\r\n`, 0, written.length + 2)
    assert.deepEqual(again, head)
  }), { numRuns: 3000, seed: 9112 })
})

test('a field value never holds what could end its line', () => {
  fc.assert(fc.property(fc.string({ unit: latin1, maxLength: 60 }), (value) => {
    const text = `GET / HTTP/1.1\r\nHost: a\r\nX-A: ${value}\r\n\r\n`
    const end = text.indexOf('\r\n\r\n') + 4
    const head = parseRequestHead(text, 0, end)
    if (typeof head === 'string') return
    // oxlint-disable-next-line no-control-regex
    for (const part of head.fields.flat) assert.doesNotMatch(part, /[\0-\x08\x0a-\x1f\x7f]/)
  }), { numRuns: 2000, seed: 9112 })
})
