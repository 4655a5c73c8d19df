import assert from 'node:assert/strict'
import { it } from 'node:test'
import { circuitResponse, type Fallback } from './circuit-response.ts'

const respond = (fallback?: Fallback) => {
  const { status, fields, body } = circuitResponse(fallback, { message: 'left alone', requestId: 'r1', accept: undefined, retryAfterSeconds: 17 })
  const headers: Record<string, string> = {}
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index]!.toLowerCase()
    assert.equal(Object.hasOwn(headers, name), false, `${name} stands twice`)
    headers[name] = fields[index + 1]!
  }
  return { status, headers, body }
}

it('without a fallback it is 503 in the error format, with the seconds that are left', () => {
  const { status, headers, body } = respond()
  assert.equal(status, 503)
  assert.equal(headers['retry-after'], '17')
  assert.deepEqual(JSON.parse(body), { error: { code: 503, message: 'left alone', reason: 'upstream.circuit_open', request_id: 'r1' } })
})

it('a fallback of another error status keeps the error format', () => {
  const { status, headers, body } = respond({ status: 502, headers: { 'X-Fallback': 'yes', 'Content-Type': 'text/html' } })
  assert.equal(status, 502)
  assert.partialDeepStrictEqual(headers, { 'x-fallback': 'yes', 'content-type': 'application/json' })
  assert.equal((JSON.parse(body) as { error: { code: number } }).error.code, 502)
})

it('a body of its own is sent as it is, with its type and length', () => {
  assert.deepEqual(respond({ status: 200, body: '{"items":[]}', headers: { 'content-type': 'application/json', 'content-length': '3' } }), {
    status: 200, headers: { 'content-type': 'application/json', 'content-length': '12' }, body: '{"items":[]}',
  })
  assert.deepEqual(respond({ status: 503, body: 'später' }), { status: 503, headers: { 'retry-after': '17', 'content-type': 'text/plain; charset=utf-8', 'content-length': '7' }, body: 'später' })
})

it('an answer without content has none', () => {
  assert.deepEqual(respond({ status: 204, body: 'x' }), { status: 204, headers: {}, body: '' })
})
