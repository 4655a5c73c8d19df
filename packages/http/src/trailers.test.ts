import assert from 'node:assert/strict'
import { test } from 'node:test'
import { passableTrailers } from './trailers.ts'

test('sums, timings and states pass as they are', () => {
  const flat = ['Server-Timing', 'db;dur=5', 'grpc-status', '0', 'Content-Digest', 'sha-256=:x:', 'X-Sum', '1']
  assert.deepEqual(passableTrailers(flat), flat)
})

test('what frames, routes, authenticates or controls a message does not', () => {
  const names = ['Authorization', 'COOKIE', 'Set-Cookie', 'Host', 'Content-Type', 'content-length', 'Transfer-Encoding', 'If-Match', 'X-Forwarded-For', 'X-Consumer-Name', 'Access-Control-Allow-Origin', 'Proxy-Authorization', 'Location']
  assert.deepEqual(passableTrailers(names.flatMap((name) => [name, 'x'])), [])
})
