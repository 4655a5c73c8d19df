import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HeaderFields, purgedUrl } from '@sluice/http'
import { cacheKey, cacheUrl, type KeyedRequest, ownKeyOf, sharedKeyOf } from './cache-key.ts'

interface Changes {
  scheme?: string
  host?: string
  port?: number
  path?: string
  query?: string
  sentPath?: string
  sentQuery?: string
  upstream?: string
  fields?: string[]
}

function requestOf({ scheme = 'http', host = 'h', port = 80, path = '/a', query = '', sentPath = path, sentQuery = query, upstream = 'up', fields = [] }: Changes = {}): KeyedRequest {
  const target = query === '' ? path : `${path}?${query}`
  return { client: { scheme }, request: { host, port, target, askedPath: path, path: sentPath, query: sentQuery, headers: new HeaderFields(fields) }, route: { upstream: { name: upstream } } }
}

const all = { keyQuery: undefined, keyHeaders: [] }
const keyOf = (changes: Changes = {}, rules: Parameters<typeof cacheKey>[1] = all) => cacheKey(requestOf(changes), rules, cacheUrl(requestOf(changes), rules))

test('a URL is named as purges name it', () => {
  assert.equal(cacheUrl(requestOf({ host: 'api.example.com', port: 8000, query: 'x=1' }), all), purgedUrl('http://API.example.com:8000/a?x=1'))
  assert.equal(cacheUrl(requestOf({ scheme: 'https', port: 443 }), all), purgedUrl('https://h/a'))
  assert.equal(cacheUrl(requestOf({ scheme: 'https', port: 80 }), all), purgedUrl('https://h:80/a'))
})

test('whatever the gateway itself makes responses differ by tells keys apart', () => {
  const others: Changes[] = [{ scheme: 'https', port: 80 }, { host: 'i' }, { port: 81 }, { path: '/b' }, { query: 'x' }, { upstream: 'other' }, { sentPath: '/tenant/7/a' }, { sentQuery: 'tenant=7' }]
  assert.equal(new Set([keyOf(), ...others.map((one) => keyOf(one))]).size, others.length + 1)
})

test('of the query what counts is kept, in one order', () => {
  const rules = { keyQuery: new Set(['b', 'a c']), keyHeaders: [] }
  assert.equal(cacheUrl(requestOf({ query: 'x=1&b=2&a+c=1&b=1&%zz' }), rules), '//h/a?a+c=1&b=2&b=1')
  assert.equal(cacheUrl(requestOf({ query: 'x=1' }), rules), '//h/a')
  assert.equal(keyOf({ query: 'b=1&x=1' }, rules), keyOf({ query: 'x=2&b=1' }, rules))
})

test('fields of the request tell keys apart where the policy names them', () => {
  const rules = { keyQuery: undefined, keyHeaders: ['x-tenant'] }
  assert.notEqual(keyOf({ fields: ['X-Tenant', 'a'] }, rules), keyOf({ fields: ['x-tenant', 'b'] }, rules))
  assert.equal(keyOf({ fields: ['X-Tenant', 'a'] }), keyOf({ fields: ['x-tenant', 'b'] }))
})

test('no two callers share a part, whatever they are called', () => {
  const who = (consumer: string, credential = 'c', scopes: string[] = []) => ({ consumer, credential, groups: [], method: 'jwt', claims: undefined, scopes, resolved: true })
  const keys = [undefined, who('a'), who('b'), who('a', 'd'), who('a', 'c', ['s']), who('a","c')].map((identity) => ownKeyOf('k', identity))
  assert.equal(new Set([...keys, sharedKeyOf('k')]).size, keys.length + 1)
  assert.equal(ownKeyOf('k', who('a', 'c', ['s', 't'])), ownKeyOf('k', who('a', 'c', ['t', 's'])))
})
