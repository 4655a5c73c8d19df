import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hideCredential, parseSource, readCredential } from './credential-source.ts'
import { exchangeOf } from './exchange.contract.ts'

test('a place is a header, a query parameter or a cookie', () => {
  assert.deepEqual(parseSource('header Authorization'), { kind: 'header', name: 'authorization' })
  assert.deepEqual(parseSource('query accessToken'), { kind: 'query', name: 'accessToken' })
  assert.deepEqual(parseSource('cookie session'), { kind: 'cookie', name: 'session' })
  for (const text of ['', 'header', 'header ', 'body x', 'header a b', 'header a:b']) assert.equal(parseSource(text), undefined, text)
})

test('a header that stands twice cannot be used', () => {
  const { request } = exchangeOf({ headers: ['X-A', '1', 'x-a', '2'] })
  assert.equal(readCredential({ kind: 'header', name: 'x-a' }, request), '')
})

test('a cookie is found in any of several fields and removed from all', () => {
  const { request } = exchangeOf({ headers: ['Cookie', 'a=1', 'Accept', '*/*', 'Cookie', 's=2; b=3', 'cookie', 's=4'] })
  const source = { kind: 'cookie', name: 's' } as const
  assert.equal(readCredential(source, request), '2')
  hideCredential(source, request)
  assert.deepEqual(request.headers.flat, ['Cookie', 'a=1', 'Accept', '*/*', 'Cookie', 'b=3'])
})

test('what is not there is undefined', () => {
  const { request } = exchangeOf({ query: 'a=1', headers: ['Cookie', 'a=1'] })
  for (const kind of ['header', 'query', 'cookie'] as const) assert.equal(readCredential({ kind, name: 'b' }, request), undefined)
})
