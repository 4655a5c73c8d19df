import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HeaderFields } from '@sluice/http'
import { exchangeOf, type ExchangeChanges, identityOf } from '../exchange.contract.ts'
import { policyContract, problemsOf, settingsOf } from '../policy.contract.ts'
import * as module from './response-transform.ts'
import { schema } from './schema.ts'

policyContract({ schema, module, from: import.meta.url, examples: [{}] })

function sent(settings: Record<string, unknown>, flat: readonly string[] = [], status = 200, changes: ExchangeChanges = {}) {
  const exchange = exchangeOf(changes)
  const response = { status, headers: new HeaderFields([...flat]) }
  exchange.response = response
  void module.compile(settingsOf(schema, settings)).onResponse!(exchange)
  return { status: response.status, fields: response.headers.flat, request: exchange.request.headers.flat }
}

test('header fields are removed, renamed, set and added, in this order', () => {
  const headers = { remove: ['Server', 'x-a'], rename: { 'X-Old': 'X-New' }, set: { 'X-A': 'back' }, add: { Vary: 'Accept' } }
  const { fields, request } = sent({ headers }, ['server', 'x', 'X-A', 'gone', 'x-old', 'o', 'vary', 'Origin'])
  assert.deepEqual(fields, ['X-New', 'o', 'vary', 'Origin', 'X-A', 'back', 'Vary', 'Accept'])
  assert.deepEqual(request, [])
})

test('values come from the path, the token and the consumer', () => {
  const changes = { identity: identityOf({ claims: { plan: 'gold\r\nX: 1' } }), parameters: { id: '7' } }
  assert.deepEqual(sent({ headers: { set: { 'X-Of': '{id} {claim:plan} {consumer}' } } }, [], 200, changes).fields, ['X-Of', '7 gold%0D%0AX: 1 acme'])
})

test('a status becomes another one, and the others stay', () => {
  const status = { 404: 410, 200: 203 }
  assert.equal(sent({ status }, [], 404).status, 410)
  assert.equal(sent({ status }, [], 200).status, 203)
  assert.equal(sent({ status }, [], 500).status, 500)
})

test('one mapping does not lead into the next', () => {
  assert.equal(sent({ status: { 404: 410, 410: 500 } }, [], 404).status, 410)
})

for (const settings of [
  { status: { 204: 200 } }, { status: { 200: 304 } }, { status: { 101: 200 } }, { status: { 600: 200 } }, { status: { 404: 99 } }, { status: { ok: 200 } }, { status: { 404: 200.5 } },
  { headers: { set: { 'Content-Length': '1' } } }, { headers: { set: { X: 'a\nb' } } }, { body: { set: {} } }, { query: { set: {} } },
]) {
  test(`${JSON.stringify(settings)} is a problem at check`, () => {
    assert.ok(problemsOf(schema, settings).length > 0)
  })
}
