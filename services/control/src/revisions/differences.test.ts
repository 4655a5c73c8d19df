import assert from 'node:assert/strict'
import { test } from 'node:test'
import { differencesBetween } from './differences.ts'
import type { WrittenDocument } from './resources.ts'

const base: WrittenDocument = {
  version: 1,
  upstreams: { users: { endpoints: [{ url: 'http://127.0.0.1:1' }] } },
  routes: [{ name: 'a', match: { path: '/a' }, upstream: 'users' }, { name: 'b', match: { path: '/b' }, upstream: 'users' }],
  policies: [{ cors: { origins: ['*'] } }, { 'rate-limit': { name: 'hourly', limit: 10 } }],
}

test('the order of lists and of keys is no difference', () => {
  const [a, b] = base.routes!
  const [cors, limit] = base.policies!
  assert.deepEqual(differencesBetween(base, { ...base, routes: [b!, { upstream: 'users', match: { path: '/a' }, name: a!.name }], policies: [limit!, cors!] }), [])
})

test('what changed inside a resource is told setting by setting', () => {
  const after = { ...base, policies: [{ cors: { origins: ['*', 'https://a.example'], credentials: false } }, { 'rate-limit': { name: 'hourly' } }] }
  assert.deepEqual(differencesBetween(base, after), [
    { resource: 'policies/cors', change: 'changed', settings: [{ pointer: '/cors/origins/1', after: 'https://a.example' }, { pointer: '/cors/credentials', after: false }] },
    { resource: 'policies/hourly', change: 'changed', settings: [{ pointer: '/rate-limit/limit', before: 10 }] },
  ])
})

test('listeners, proxies and the access log are resources of their own', () => {
  const after: WrittenDocument = { ...base, listeners: { http: false }, trustedProxies: ['10.0.0.0/8'], telemetry: { accessLog: { stdout: true } } }
  assert.deepEqual(differencesBetween(base, after).map(({ resource, change }) => `${change} ${resource}`), ['added listeners', 'added trustedProxies', 'added telemetry'])
})

test('a long list of changed settings is cut', () => {
  const headers = (value: string) => Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`x-${index}`, value]))
  const before: WrittenDocument = { version: 1, routes: [{ name: 'a', match: { headers: headers('1') } }] }
  const [difference] = differencesBetween(before, { version: 1, routes: [{ name: 'a', match: { headers: headers('2') } }] })
  assert.equal(difference?.settings?.length, 50)
})
