import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exchangeOf, type ExchangeChanges } from '../exchange.contract.ts'
import type { HookResult } from '../policy.ts'
import { policyContract, problemsOf, settingsOf } from '../policy.contract.ts'
import * as module from './request-limits.ts'
import { schema } from './schema.ts'

policyContract({ schema, module, from: import.meta.url, examples: [{}] })

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

test('limits on JSON are said not to be built yet', () => {
  assert.deepEqual(problemsOf(schema, { json: { maxDepth: 3 } }), ['"json" is not built yet'])
})
