import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exchangeOf, type ExchangeChanges } from '../exchange.contract.ts'
import type { HookResult } from '../policy.ts'
import { policyContract, settingsOf } from '../policy.contract.ts'
import * as module from './request-limits.ts'
import { schema } from './schema.ts'

policyContract({ schema, module, from: import.meta.url, examples: [{}, { json: {} }] })

const compile = (settings: Record<string, unknown>) => module.compile(settingsOf(schema, settings))

function codeOf(settings: Record<string, unknown>, changes: ExchangeChanges): string | undefined {
  const result = compile(settings).onRequest!(exchangeOf(changes)) as HookResult
  return result?.kind === 'refusal' ? result.code : undefined
}

test('an ordinary request passes', () => {
  assert.equal(codeOf({}, { headers: ['Host', 'a', 'Accept', '*/*'], query: 'a=1&b=2' }), undefined)
})

test('a URL is measured as the client sent it', () => {
  assert.equal(codeOf({ maxUrlBytes: 10 }, { target: '/123456789' }), undefined)
  assert.equal(codeOf({ maxUrlBytes: 10 }, { target: '/1234567890' }), 'client.url_too_long')
})

test('fifty header fields pass and fifty-one do not', () => {
  const fields = (count: number) => Array.from({ length: count }, (_, index) => [`x${index}`, '1']).flat()
  assert.equal(codeOf({}, { headers: fields(50) }), undefined)
  assert.equal(codeOf({}, { headers: fields(51) }), 'client.too_many_headers')
})

test('header bytes count names, values and what stands between them', () => {
  assert.equal(codeOf({ maxHeaderBytes: 20 }, { headers: ['abcd', '123456789012'] }), undefined)
  assert.equal(codeOf({ maxHeaderBytes: 19 }, { headers: ['abcd', '123456789012'] }), 'client.header_too_large')
})

test('a hundred query parameters pass and a hundred and one do not', () => {
  const query = (count: number) => Array.from({ length: count }, (_, index) => `p${index}`).join('&')
  assert.equal(codeOf({}, { query: query(100) }), undefined)
  assert.equal(codeOf({}, { query: query(101) }), 'client.too_many_query_parameters')
})

test('a body that is declared too large is refused at once', () => {
  assert.equal(codeOf({ maxBodyBytes: 5 }, { declaredBytes: 5 }), undefined)
  assert.equal(codeOf({ maxBodyBytes: 5 }, { declaredBytes: 6 }), 'client.body_too_large')
})

const piece = new Uint8Array(1)

test('a body of unknown length is refused when too much of it has come', () => {
  const policy = compile({ maxBodyBytes: 5 })
  const exchange = exchangeOf({ declaredBytes: undefined })
  assert.equal(policy.onRequest!(exchange), undefined)
  assert.equal(policy.onRequestBody!(exchange, 5, piece), undefined)
  const result = policy.onRequestBody!(exchange, 6, piece)
  assert.equal(result?.kind === 'refusal' && result.code, 'client.body_too_large')
})

/** What becomes of a body that comes in pieces of so many bytes. */
function codeOfBody(settings: Record<string, unknown>, body: string, headers: readonly string[] = ['Content-Type', 'application/json'], pieceBytes = 7): string | undefined {
  const policy = compile(settings)
  const exchange = exchangeOf({ method: 'POST', headers, declaredBytes: undefined })
  let result = policy.onRequest!(exchange) as HookResult
  const bytes = Buffer.from(body)
  for (let at = 0; at < bytes.length && result === undefined; at += pieceBytes) result = policy.onRequestBody!(exchange, Math.min(at + pieceBytes, bytes.length), bytes.subarray(at, at + pieceBytes))
  return result?.kind === 'refusal' ? result.code : undefined
}

const deep = `${'['.repeat(65)}${']'.repeat(65)}`

test('JSON is read only where limits on it are set', () => {
  assert.equal(codeOfBody({}, deep), undefined)
  assert.equal(codeOfBody({ json: {} }, deep), 'client.json_too_deep')
  assert.equal(codeOfBody({ json: { maxDepth: 65 } }, deep), undefined)
})

test('JSON that holds too much, or is none, is refused with a code of its own', () => {
  assert.equal(codeOfBody({ json: { maxKeys: 1 } }, '{"a":1,"b":2}'), 'client.json_too_large')
  assert.equal(codeOfBody({ json: { maxElements: 1 } }, '[1,2]'), 'client.json_too_large')
  assert.equal(codeOfBody({ json: {} }, "{'a':1}"), 'client.json_malformed')
  assert.equal(codeOfBody({ json: {}, maxBodyBytes: 10 }, '"12345678901"'), 'client.body_too_large')
  assert.equal(codeOfBody({ json: {} }, ''), undefined)
})

test('what is JSON goes by Content-Type, each of several counting, or is everything', () => {
  for (const type of ['application/json', 'Application/JSON; charset=utf-8', 'application/vnd.api+json;version=2', 'text/json', 'application/json ; charset="UTF-8"', 'text/plain, application/json']) assert.equal(codeOfBody({ json: {} }, deep, ['Content-Type', type]), 'client.json_too_deep', type)
  for (const type of ['text/plain', 'application/jsonp', 'application/x-ndjson', 'multipart/form-data; boundary=+json']) assert.equal(codeOfBody({ json: {} }, deep, ['Content-Type', type]), undefined, type)
  assert.equal(codeOfBody({ json: {} }, deep, ['Content-Type', 'text/plain', 'Content-Type', 'application/json']), 'client.json_too_deep')
  assert.equal(codeOfBody({ json: { anyType: true } }, deep, []), 'client.json_too_deep')
})

test('JSON that cannot be looked into is refused: compressed, or in another charset', () => {
  for (const coding of ['gzip', 'identity, br', 'identity', '']) assert.equal(codeOfBody({ json: {} }, '{}', ['Content-Type', 'application/json', 'Content-Encoding', coding]), coding === 'identity' || coding === '' ? undefined : 'client.body_encoding_unsupported', coding)
  for (const charset of ['utf-16', 'utf-7', '"iso-8859-1"', 'utf-8x']) assert.equal(codeOfBody({ json: {} }, '{}', ['Content-Type', `application/json; charset=${charset}`]), 'client.body_encoding_unsupported', charset)
})

test('a request without a body is not looked at', () => {
  assert.equal(codeOf({ json: {} }, { headers: ['Content-Type', 'application/json', 'Content-Encoding', 'gzip'], declaredBytes: 0 }), undefined)
})
