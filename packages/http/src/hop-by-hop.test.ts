import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HeaderFields } from './header-fields.ts'
import { removeHopByHop } from './hop-by-hop.ts'

function remaining(...flat: string[]): string[] {
  const fields = new HeaderFields(flat)
  removeHopByHop(fields)
  return fields.flat
}

test('fields of the connection go, the others stay in order', () => {
  assert.deepEqual(
    remaining('Host', 'a', 'Connection', 'keep-alive', 'Keep-Alive', 'timeout=5', 'Accept', '*/*', 'Transfer-Encoding', 'chunked',
      'Upgrade', 'h2c', 'Proxy-Connection', 'close', 'Proxy-Authorization', 'Basic x', 'Proxy-Authenticate', 'Basic', 'Trailer', 'X', 'X-A', '1'),
    ['Host', 'a', 'Accept', '*/*', 'X-A', '1'],
  )
})

test('what Connection lists goes too, wherever it stands', () => {
  assert.deepEqual(remaining('X-Hop', '1', 'connection', 'close, x-hop', 'Connection', 'X-Other', 'x-other', '2', 'X-A', '1'), ['X-A', '1'])
})

test('a client cannot list away what the gateway relies on', () => {
  const kept = ['Host', 'a', 'Authorization', 'Bearer x', 'X-Forwarded-For', '1.2.3.4', 'Content-Length', '3', 'X-Request-ID', 'r', 'Via', '1.1 x']
  assert.deepEqual(remaining('Connection', 'host, authorization, x-forwarded-for, content-length, X-Request-ID, via', ...kept), kept)
})

test('TE keeps nothing but trailers', () => {
  assert.deepEqual(remaining('TE', 'gzip, Trailers'), ['TE', 'trailers'])
  assert.deepEqual(remaining('TE', 'gzip'), [])
})

test('TE stays although Connection lists it, as HTTP/1.1 demands it of the sender', () => {
  assert.deepEqual(remaining('Connection', 'TE', 'TE', 'trailers'), ['TE', 'trailers'])
})

test('nothing changes when there is nothing to remove', () => {
  assert.deepEqual(remaining('Host', 'a', 'Accept', '*/*'), ['Host', 'a', 'Accept', '*/*'])
})
