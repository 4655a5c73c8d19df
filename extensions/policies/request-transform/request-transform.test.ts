import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exchangeOf, type ExchangeChanges, identityOf } from '../exchange.contract.ts'
import type { Exchange } from '../exchange.ts'
import { policyContract, problemsOf, settingsOf } from '../policy.contract.ts'
import type { HookResult } from '../policy.ts'
import * as module from './request-transform.ts'
import { schema } from './schema.ts'

policyContract({ schema, module, from: import.meta.url, examples: [{}] })

function run(settings: Record<string, unknown>, changes: ExchangeChanges = {}): { exchange: Exchange; result: HookResult } {
  const exchange = exchangeOf(changes)
  const result = module.compile(settingsOf(schema, settings)).onRequest!(exchange) as HookResult
  return { exchange, result }
}

const headersAfter = (headers: Record<string, unknown>, flat: readonly string[], changes: ExchangeChanges = {}) => run({ headers }, { ...changes, headers: flat }).exchange.request.headers.flat
const queryAfter = (query: Record<string, unknown>, text: string, changes: ExchangeChanges = {}) => run({ query }, { ...changes, query: text }).exchange.request.query

test('header fields are removed, renamed, set and added, in this order', () => {
  const changes = { remove: ['x-a'], rename: { 'X-Old': 'X-New' }, set: { 'X-Set': '1', 'X-A': 'back' }, add: { 'x-add': '2' } }
  const before = ['X-A', 'gone', 'x-old', 'o', 'X-NEW', 'replaced', 'x-set', '0', 'X-Set', '00', 'X-Add', '1']
  assert.deepEqual(headersAfter(changes, before), ['X-New', 'o', 'x-set', '1', 'X-Add', '1', 'X-A', 'back', 'x-add', '2'])
})

test('renaming what is not there leaves the new name alone', () => {
  assert.deepEqual(headersAfter({ rename: { a: 'b' } }, ['b', '1']), ['b', '1'])
  assert.deepEqual(headersAfter({ rename: { a: 'A' } }, ['a', '1', 'a', '2']), ['A', '1', 'A', '2'])
})

test('values come from the path, the token and the consumer', () => {
  const identity = identityOf({ claims: { sub: 'u-7', roles: ['a', 'b'], level: 3 } })
  const set = { X: '{user_id}/{claim:sub}/{claim:roles}/{claim:level}/{consumer}/{{x}}' }
  assert.deepEqual(headersAfter({ set }, [], { identity, parameters: { user_id: '7%20b' } }), ['X', '7%20b/u-7/a,b/3/acme/{x}'])
})

test("a client's own field does not stand in for a claim that is not there", () => {
  assert.deepEqual(headersAfter({ set: { 'X-User': '{claim:sub}' } }, ['x-user', 'root']), [])
})

test('a claim cannot end a field or leave ASCII', () => {
  const identity = identityOf({ claims: { sub: 'a\r\nX-Admin: 1 \u0142' } })
  assert.deepEqual(headersAfter({ set: { X: '{claim:sub}' } }, [], { identity }), ['X', 'a%0D%0AX-Admin: 1 %C5%82'])
})

test('query parameters are changed by name and the others stay byte for byte', () => {
  assert.equal(queryAfter({ remove: ['a'], rename: { q: 'search' }, set: { v: '2' }, add: { t: 'x y' } }, 'a=1&q=%7e+&b=%2f&v=1&search=old'), 'search=%7e+&b=%2f&v=2&t=x%20y')
})

test('a path parameter in the query is not escaped twice', () => {
  assert.equal(queryAfter({ set: { id: '{id}' } }, '', { parameters: { id: 'a%20b%2F' } }), 'id=a%20b%2F')
})

test('the path is replaced, parameters as they were spelled', () => {
  const { exchange, result } = run({ path: '/v2/users/{user_id}' }, { parameters: { user_id: 'a%2Fb' } })
  assert.equal(result, undefined)
  assert.equal(exchange.request.path, '/v2/users/a%2Fb')
})

test('a claim is one segment of a path at most', () => {
  const identity = identityOf({ claims: { tenant: 'a/../b' } })
  assert.equal(run({ path: '/t/{claim:tenant}/x' }, { identity }).exchange.request.path, '/t/a%2F..%2Fb/x')
})

for (const tenant of ['..', '.', '']) {
  test(`a claim ${JSON.stringify(tenant)} cannot lead out of its place in the path`, () => {
    const { exchange, result } = run({ path: '/t/{claim:tenant}/x' }, { identity: identityOf({ claims: { tenant } }) })
    assert.equal(result?.kind === 'refusal' && result.code, 'client.bad_path')
    assert.equal(exchange.request.path, '/api/users/7')
  })
}

const wrong: readonly (readonly [string, Record<string, unknown>, RegExp])[] = [
  ['a field that frames the message', { headers: { set: { 'Content-Length': '1' } } }, /a field that the gateway does not write itself|Invalid key/],
  ['a value with a line break', { headers: { set: { X: 'a\nb' } } }, /visible ASCII/],
  ['a name that is no name', { headers: { remove: ['a b'] } }, /a header field name/],
  ['a single brace', { headers: { set: { X: 'a{b' } } }, /without a single "\{"/],
  ['a hole that means nothing', { headers: { set: { X: '{a b}' } } }, /in place of "\{a b\}"/],
  ['a path without a slash', { path: 'users' }, /begins with "\/"/],
  ['a path with a query', { path: '/a?b' }, /without spaces, "\?" and "#"/],
  ['a change of the body', { body: { set: {} } }, /"body" is not built yet/],
]
for (const [what, settings, message] of wrong) {
  test(`${what} is a problem at check`, () => {
    assert.match(problemsOf(schema, settings).join('\n'), message)
  })
}
