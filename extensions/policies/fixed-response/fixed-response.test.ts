import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exchangeOf, type ExchangeChanges } from '../exchange.contract.ts'
import { policyContract, problemsOf, settingsOf } from '../policy.contract.ts'
import type { Answer } from '../policy.ts'
import * as module from './fixed-response.ts'
import { schema } from './schema.ts'

policyContract({ schema, module, from: import.meta.url, examples: [{}] })

function answer(settings: Record<string, unknown>, changes: ExchangeChanges = {}): Answer {
  return module.compile(settingsOf(schema, settings)).onRequest!(exchangeOf(changes)) as Answer
}

test('without settings the answer is an empty 200', () => {
  assert.deepEqual(answer({}), { kind: 'answer', status: 200, headers: [], body: '' })
})

test('a text is sent as it stands', () => {
  assert.deepEqual(answer({ status: 503, body: 'closed {today}' }), { kind: 'answer', status: 503, headers: ['Content-Type', 'text/plain; charset=utf-8'], body: 'closed {today}' })
})

test('a map or a list is sent as JSON', () => {
  assert.equal(answer({ body: { ok: true } }).body, '{"ok":true}')
  assert.deepEqual(answer({ body: [1] }).headers, ['Content-Type', 'application/json'])
})

test('a content type that is set stays', () => {
  assert.deepEqual(answer({ body: '<a/>', headers: { 'content-type': 'text/xml' } }).headers, ['content-type', 'text/xml'])
})

test('fields may hold path parameters', () => {
  assert.deepEqual(answer({ headers: { Location: '/v2/{id}', 'X-A': 'b' } }, { parameters: { id: '7' } }).headers, ['Location', '/v2/7', 'X-A', 'b'])
})

test('the same answer serves every request when nothing in it changes', () => {
  const policy = module.compile(settingsOf(schema, { body: { ok: true } }))
  assert.equal(policy.onRequest!(exchangeOf()), policy.onRequest!(exchangeOf()))
})

test('a body where there can be none is a problem at check', () => {
  assert.match(problemsOf(schema, { status: 204, body: 'x' })[0]!, /^body: .*204/)
})

for (const settings of [{ status: 101 }, { status: 600 }, { headers: { 'Content-Length': '3' } }, { headers: { X: 'a\r\nb' } }, { body: 3 }]) {
  test(`${JSON.stringify(settings)} is a problem at check`, () => {
    assert.equal(problemsOf(schema, settings).length, 1)
  })
}

test('a route with it needs no upstream', () => {
  assert.equal(schema.answers, true)
})
