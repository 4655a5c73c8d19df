import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isWebsocketKey, newWebsocketKey, websocketAccept } from './websocket-handshake.ts'

test('the key of RFC 6455 §1.3 is accepted by the value that stands there', () => {
  assert.equal(websocketAccept('dGhlIHNhbXBsZSBub25jZQ=='), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
})

test('a key is sixteen bytes in base64', () => {
  for (const key of ['dGhlIHNhbXBsZSBub25jZQ==', newWebsocketKey(), newWebsocketKey()]) assert.ok(isWebsocketKey(key), key)
  for (const key of ['', 'dGhlIHNhbXBsZSBub25jZQ', 'dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ==', 'dGhlIHNhbXBsZSBub25-ZQ==', 'c2hvcnQ=']) assert.equal(isWebsocketKey(key), false, key)
})

test('two new keys are not the same', () => {
  assert.notEqual(newWebsocketKey(), newWebsocketKey())
})
