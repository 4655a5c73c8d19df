import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exchangeOf, type ExchangeChanges, fieldValues } from '../exchange.contract.ts'
import type { Exchange } from '../exchange.ts'
import { policyContract, settingsOf } from '../policy.contract.ts'
import * as module from './request-id.ts'
import { schema } from './schema.ts'

policyContract({ schema, module, from: import.meta.url, examples: [{}] })

function after(settings: Record<string, unknown>, changes: ExchangeChanges): Exchange {
  const exchange = exchangeOf(changes)
  void module.compile(settingsOf(schema, settings)).onRequest!(exchange)
  return exchange
}

const sent = ['x-request-id', 'from-the-client']

test("a stranger's id is replaced", () => {
  assert.equal(after({}, { headers: sent }).requestId, 'made-by-the-edge')
})

test("a trusted proxy's id is kept", () => {
  assert.equal(after({}, { headers: sent, client: { trusted: true } }).requestId, 'from-the-client')
})

test("any client's id is kept when clients are trusted", () => {
  assert.equal(after({ trustClient: true }, { headers: sent }).requestId, 'from-the-client')
})

for (const bad of ['', 'a b', 'a\tb', 'é', 'x'.repeat(129)]) {
  test(`the id ${JSON.stringify(bad.slice(0, 10))} is not kept from anybody`, () => {
    assert.equal(after({ trustClient: true }, { headers: ['X-Request-ID', bad] }).requestId, 'made-by-the-edge')
  })
}

test('an id in another field is kept, and written there both ways', () => {
  const exchange = after({ header: 'X-Correlation-ID', trustClient: true }, { headers: ['x-correlation-id', 'c-1'] })
  assert.equal(exchange.requestId, 'c-1')
  assert.deepEqual(exchange.request.headers.getAll('x-correlation-id'), ['c-1'])
  assert.deepEqual(fieldValues(exchange.responseFields, 'X-Correlation-ID'), ['c-1'])
})

test("a stranger's id in another field does not reach the upstream", () => {
  const exchange = after({ header: 'X-Correlation-ID' }, { headers: ['X-Correlation-ID', 'a', 'X-Correlation-ID', 'b'] })
  assert.deepEqual(exchange.request.headers.getAll('x-correlation-id'), ['made-by-the-edge'])
})
