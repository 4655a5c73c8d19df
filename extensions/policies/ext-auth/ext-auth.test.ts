import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exchangeOf, type ExchangeChanges, identityOf, partsFor, type PartsChanges, refusalOf } from '../exchange.contract.ts'
import { policyContract, problemsOf, settingsOf } from '../policy.contract.ts'
import type { ExternalAnswer, ExternalQuestion, HookResult } from '../policy.ts'
import * as module from './ext-auth.ts'
import { schema } from './schema.ts'

const base = { url: 'https://auth.example.com/check' }
policyContract({ schema, module, from: import.meta.url, examples: [base, { grpc: 'http://127.0.0.1:9191' }], required: 'url' })

const allowed = (headers: readonly string[] = [], more: { remove?: string[]; responseHeaders?: string[] } = {}): ExternalAnswer => ({ outcome: 'allowed', headers, remove: [], responseHeaders: [], ...more })

function run(given: ExchangeChanges, settings: Record<string, unknown> = {}, answer: ExternalAnswer | Promise<ExternalAnswer> = allowed(), changes: PartsChanges = {}) {
  const asked: { question: ExternalQuestion; cacheKey: string }[] = []
  const parts = partsFor('ext-auth', { ...changes, external: (question, cacheKey) => (asked.push({ question, cacheKey }), answer) })
  const exchange = exchangeOf(given)
  const policy = module.compile(settingsOf(schema, { ...base, ...settings }), parts)
  return { parts, exchange, asked, result: policy.onRequest!(exchange) as HookResult | Promise<HookResult> }
}

test('the server is told of the request, and of the fields that it is to be shown', () => {
  const { asked, result } = run({ method: 'POST', target: '/a//b?x=1', headers: ['Host', 'api.example.com:8000', 'Authorization', 'Bearer x', 'X-Tenant', 'a', 'x-tenant', 'b', 'X-Secret', 's'] }, { forwardHeaders: ['Authorization', 'x-tenant'] })
  assert.equal(result, undefined)
  assert.deepEqual(asked[0]!.question, {
    requestId: 'made-by-the-edge', method: 'POST', scheme: 'http', host: 'api.example.com:8000', target: '/a//b?x=1', address: '192.0.2.7',
    headers: ['authorization', 'Bearer x', 'x-tenant', 'a', 'x-tenant', 'b'],
  })
})

test('who an identity policy before found the caller to be is told, in visible ASCII', () => {
  const { asked } = run({ identity: identityOf({ consumer: 'ächme\r\nx: y' }), headers: ['X-Consumer-Name', 'admin'] })
  assert.deepEqual(asked[0]!.question.headers, ['x-consumer-name', '%C3%A4chme%0D%0Ax%3A%20y'])
})

test('fields of a yes that are named go on to the upstream; those of the client never do', async () => {
  const { exchange, result } = run({ headers: ['X-User', 'admin', 'x-user', 'root', 'X-Role', 'admin', 'Accept', '*/*'] }, { upstreamHeaders: ['X-User', 'x-role'] }, Promise.resolve(allowed(['X-User', 'alice', 'Set-Cookie', 'a=b'])))
  assert.equal(await result, undefined)
  assert.deepEqual(exchange.request.headers.flat, ['Accept', '*/*', 'X-User', 'alice'])
  assert.deepEqual(exchange.responseFields, [])
})

test('by gRPC the server says itself what it sets and removes, both ways, but not what delimits messages', async () => {
  const { exchange, result } = run(
    { headers: ['Host', 'api.example.com', 'Content-Length', '5', 'Authorization', 'Bearer x', 'X-User', 'admin'] },
    { url: undefined, grpc: 'http://127.0.0.1:9191' },
    allowed(['x-user', 'alice', 'content-length', '0', 'Host', 'evil', 'X-Consumer-Name', 'admin'], { remove: ['Authorization', 'host', 'content-length'], responseHeaders: ['x-decided-by', 'opa', 'transfer-encoding', 'chunked'] }),
  )
  assert.equal(await result, undefined)
  assert.deepEqual(exchange.request.headers.flat, ['Host', 'api.example.com', 'Content-Length', '5', 'x-user', 'alice'])
  assert.deepEqual(exchange.responseFields, ['x-decided-by', 'opa'])
})

test('a no is passed on with its status, its body and the fields that may be shown', async () => {
  const { exchange, result } = run({ headers: ['X-User', 'admin'] }, { upstreamHeaders: ['x-user'] }, { outcome: 'denied', status: 302, headers: ['Location', 'https://login.example.com/', 'Server', 'nginx', 'Content-Type', 'text/plain', 'Set-Cookie', 'a=b'], body: 'go there' })
  assert.deepEqual(await result, { kind: 'answer', status: 302, headers: ['Location', 'https://login.example.com/', 'Content-Type', 'text/plain', 'Set-Cookie', 'a=b'], body: 'go there' })
  assert.deepEqual(exchange.request.headers.flat, [])
})

test('a server that cannot be asked is 503, or the request passes, but without what the client claims', async () => {
  assert.equal((await refusalOf(run({}, {}, { outcome: 'unavailable' }).result)).code, 'dependency.ext_auth_unreachable')
  const open = run({ headers: ['X-User', 'admin'] }, { failure: 'open', upstreamHeaders: ['x-user'], consumerHeader: 'x-user' }, { outcome: 'unavailable' })
  assert.equal(open.result, undefined)
  assert.deepEqual(open.exchange.request.headers.flat, [])
  assert.equal(open.exchange.identity, undefined)
})

test('a yes may name the caller', async () => {
  const caller = identityOf({ consumer: 'acme', method: 'ext-auth' })
  const { parts, exchange, result } = run({}, { consumerHeader: 'X-User' }, allowed(['x-user', 'alice']), { verdict: async () => ({ outcome: 'valid', identity: caller }) })
  assert.equal(await result, undefined)
  assert.equal(exchange.identity, caller)
  assert.deepEqual(parts.seen, ['alice'])
  assert.equal((await refusalOf(run({}, { consumerHeader: 'x-user' }).result)).code, 'policy.unauthenticated')
  assert.equal((await refusalOf(run({}, { consumerHeader: 'x-user' }, allowed(['x-user', 'alice']), { verdict: { outcome: 'unavailable', code: 'dependency.auth_unreachable' } }).result)).code, 'dependency.auth_unreachable')
})

test('requests are alike when all that is told of them is, or what is chosen of it', () => {
  const keyOf = (given: ExchangeChanges, settings: Record<string, unknown> = { cacheSeconds: 60 }) => run(given, settings).asked[0]!.cacheKey
  assert.equal(keyOf({}, {}), '')
  assert.equal(keyOf({ headers: ['Authorization', 'a'] }), keyOf({ headers: ['Authorization', 'a', 'Accept', '*/*'] }))
  for (const other of [{ headers: ['Authorization', 'b'] }, { headers: ['Authorization', 'a'], target: '/other' }, { headers: ['Authorization', 'a'], method: 'PUT' }, { headers: ['Authorization', 'a'], client: { address: '192.0.2.8' } }])
    assert.notEqual(keyOf({ headers: ['Authorization', 'a'] }), keyOf(other))
  const chosen = { cacheSeconds: 60, cacheBy: ['header:Authorization', 'method'] }
  assert.equal(keyOf({ headers: ['Authorization', 'a'], target: '/one' }, chosen), keyOf({ headers: ['Authorization', 'a'], target: '/two' }, chosen))
  assert.notEqual(keyOf({ headers: ['Authorization', 'a'] }, chosen), keyOf({ headers: ['Authorization', 'a', 'authorization', 'b'] }, chosen))
  const all = { cacheSeconds: 60, cacheBy: ['host', 'path', 'query', 'ip', 'consumer'] }
  assert.notEqual(keyOf({ identity: identityOf() }, all), keyOf({}, all))
})

const wrong: readonly (readonly [string, Record<string, unknown>, RegExp])[] = [
  ['nobody to ask', {}, /one of "url" and "grpc" is needed/],
  ['two to ask', { ...base, grpc: 'https://auth.example.com' }, /only one of/],
  ['http from afar', { url: 'http://auth.example.com' }, /^url: .*"insecure: true"/],
  ['gRPC without TLS from afar', { grpc: 'http://auth.example.com:9191' }, /^grpc: .*"insecure: true"/],
  ['a field that delimits messages', { ...base, upstreamHeaders: ['Content-Length'] }, /does not set itself/],
  ['a field that says who is calling', { ...base, upstreamHeaders: ['X-Consumer-Name'] }, /does not set itself/],
  ['an input that is none', { ...base, cacheBy: ['body'] }, /"header:NAME"/],
]
for (const [what, settings, message] of wrong) test(`${what} is a problem at check`, () => assert.match(problemsOf(schema, settings).join('\n'), message))
