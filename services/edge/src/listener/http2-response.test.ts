import assert from 'node:assert/strict'
import { it } from 'node:test'
import { http2Fields } from './http2-response.ts'

it('a response of HTTP/2 has its names in lower case and nothing of the connection', () => {
  const fields = ['Content-Type', 'text/plain', 'Connection', 'close', 'Keep-Alive', '5', 'Transfer-Encoding', 'chunked', 'Upgrade', 'h2c', 'TE', 'trailers', 'Set-Cookie', 'a=1', 'Set-Cookie', 'b=2']
  assert.deepEqual(http2Fields(200, fields), [':status', '200', 'content-type', 'text/plain', 'set-cookie', 'a=1', 'set-cookie', 'b=2'])
})

it('a 204 has no length', () => {
  assert.deepEqual(http2Fields(204, ['Content-Length', '0']), [':status', '204'])
})

it('a status that is none is told as 502', () => {
  for (const status of [199, 600, 999]) assert.deepEqual(http2Fields(status, []), [':status', '502'])
})
