import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exchangeOf, type ExchangeChanges, identityOf } from '../exchange.contract.ts'
import { policyContract, problemsOf, settingsOf } from '../policy.contract.ts'
import type { Answer } from '../policy.ts'
import * as module from './redirect.ts'
import { schema } from './schema.ts'

policyContract({ schema, module, from: import.meta.url, examples: [{ to: '/new' }], required: 'to' })

function redirect(settings: Record<string, unknown>, changes: ExchangeChanges = {}): Answer | undefined {
  return module.compile(settingsOf(schema, settings)).onRequest!(exchangeOf(changes)) as Answer | undefined
}

const location = (to: string, changes: ExchangeChanges = {}) => redirect({ to }, changes)?.headers[1]

test('a client is sent elsewhere, with 302 unless another status is set', () => {
  assert.deepEqual(redirect({ to: 'https://new.example.com/' }), { kind: 'answer', status: 302, headers: ['Location', 'https://new.example.com/'], body: '' })
  for (const status of [301, 302, 303, 307, 308]) assert.equal(redirect({ to: '/new', status })?.status, status)
})

test('the same answer serves every request when nothing in it changes', () => {
  const policy = module.compile(settingsOf(schema, { to: '/new' }))
  assert.equal(policy.onRequest!(exchangeOf()), policy.onRequest!(exchangeOf()))
})

test('path parameters are kept as they were spelled, in a query as one value', () => {
  const parameters = { id: 'a%20b&c=d', rest: 'x/y' }
  assert.equal(location('/v2/{id}/{rest}', { parameters }), '/v2/a%20b&c=d/x/y')
  assert.equal(location('/find?id={id}&all={rest}#top', { parameters }), '/find?id=a%20b%26c%3Dd&all=x%2Fy#top')
})

test('http becomes https, path and query as they were', () => {
  const to = 'https://{request:host}{request:target}'
  assert.equal(location(to, { path: '/a', query: 'b=%20c' }), 'https://api.example.com/a?b=%20c')
  assert.equal(location(to, { path: '/a' }), 'https://api.example.com/a')
  assert.equal(location('https://{request:host}:8443/x{request:path}?{request:query}', { path: '/a', query: 'b=c' }), 'https://api.example.com:8443/x/a?b=c')
})

test('a request that came by https already goes on', () => {
  const to = 'https://{request:host}{request:target}'
  assert.equal(redirect({ to }, { path: '/a', query: 'b', client: { scheme: 'https' } }), undefined)
  assert.equal(redirect({ to: '/new' }, { path: '/new' }), undefined)
  assert.notEqual(redirect({ to: '/new' }, { path: '/new', query: 'x' }), undefined)
})

test('who is sent to another place cannot choose the host', () => {
  assert.equal(location('/{claim:tenant}/{rest}', { parameters: { rest: 'evil.example' } }), '/evil.example')
  assert.equal(location('/{rest}', { parameters: { rest: '\\evil.example' } }), '/%5Cevil.example')
  const identity = identityOf({ claims: { tenant: '//evil.example/\r\nSet-Cookie: a=b' } })
  assert.equal(location('/{claim:tenant}', { identity }), '/%2F%2Fevil.example%2F%0D%0ASet-Cookie%3A%20a%3Db')
})

test('what a URI has no place for is escaped', () => {
  assert.equal(location('/{rest}', { parameters: { rest: 'a"<>^`|é' } }), '/a%22%3C%3E%5E%60%7C%C3%A9')
  assert.equal(location('/{{x}}'), '/{x}')
})

const wrong = ['', 'new', '//evil.example', '/\\evil.example', 'ftp://a/', 'https://', 'https://{host}/', 'https://{claim:x}.example.com/', 'https://user@evil.example/', 'https://a{claim:x}/', 'https://a{request:query}', 'https://a:80{request:host}', 'https://{request:host}.evil.example/', '/a b', '/a\r\nb', '/{a b}', '/a}']
for (const to of wrong) {
  test(`${JSON.stringify(to)} is a problem at check`, () => {
    assert.ok(problemsOf(schema, { to }).length > 0)
  })
}

test('a status that redirects nobody is a problem at check', () => {
  for (const status of [200, 300, 304, 404]) assert.ok(problemsOf(schema, { to: '/a', status }).length > 0)
})

test('a route with it needs no upstream', () => {
  assert.equal(schema.answers, true)
})
