import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HeaderFields } from '@sluice/http'
import { exchangeOf, type ExchangeChanges, fieldValues } from '../exchange.contract.ts'
import type { Exchange } from '../exchange.ts'
import { policyContract, problemsOf, settingsOf } from '../policy.contract.ts'
import type { HookResult } from '../policy.ts'
import * as module from './cors.ts'
import { schema } from './schema.ts'

const one = { origins: ['https://app.example.com'] }
policyContract({ schema, module, from: import.meta.url, examples: [one], required: 'origins' })

function run(settings: Record<string, unknown>, changes: ExchangeChanges): { exchange: Exchange; result: HookResult; field(name: string): string | undefined } {
  const exchange = exchangeOf(changes)
  const result = module.compile(settingsOf(schema, settings)).onRequest!(exchange) as HookResult
  return { exchange, result, field: (name) => fieldValues(exchange.responseFields, name)[0] }
}

const from = (origin: string) => ({ headers: ['Origin', origin] })
const preflight = (origin: string, ...more: string[]) => ({ method: 'OPTIONS', headers: ['Origin', origin, 'Access-Control-Request-Method', 'PUT', ...more] })

test('an allowed origin may read the response', () => {
  const { result, field } = run({ ...one, exposedHeaders: ['X-A', 'X-B'] }, from('https://app.example.com'))
  assert.equal(result, undefined)
  assert.equal(field('Access-Control-Allow-Origin'), 'https://app.example.com')
  assert.equal(field('Access-Control-Expose-Headers'), 'X-A, X-B')
  assert.equal(field('Access-Control-Allow-Credentials'), undefined)
  assert.equal(field('Vary'), 'Origin')
})

test('another origin is let through and told nothing but Vary', () => {
  const { result, exchange } = run(one, from('https://evil.example'))
  assert.equal(result, undefined)
  assert.deepEqual(exchange.responseFields, ['Vary', 'Origin'])
})

test('a request without an origin is marked for caches, too', () => {
  assert.deepEqual(run(one, {}).exchange.responseFields, ['Vary', 'Origin'])
})

test('with the origin * everybody may read and nothing varies', () => {
  assert.deepEqual(run({ origins: ['*'] }, from('https://any.example')).exchange.responseFields, ['Access-Control-Allow-Origin', '*'])
})

test('credentials are allowed where said', () => {
  assert.equal(run({ ...one, credentials: true }, from('https://app.example.com')).field('Access-Control-Allow-Credentials'), 'true')
})

const patterns: readonly (readonly [string, boolean])[] = [
  ['https://a.example.com', true],
  ['https://a.b.example.com', true],
  ['https://example.com', false],
  ['https://.example.com', false],
  ['http://a.example.com', false],
  ['https://a.example.com:8443', false],
  ['https://evilexample.com', false],
  ['https://evil.com/.example.com', false],
  ['https://user@a.example.com', false],
  ['https://a.example.com.evil.com', false],
]
for (const [origin, allowed] of patterns) {
  test(`https://*.example.com ${allowed ? 'covers' : 'does not cover'} ${origin}`, () => {
    assert.equal(run({ origins: ['https://*.Example.com'] }, from(origin)).field('Access-Control-Allow-Origin'), allowed ? origin : undefined)
  })
}

test('a preflight is answered at once with what is allowed', () => {
  const { result, field } = run(one, preflight('https://app.example.com', 'Access-Control-Request-Headers', 'content-type, x-a'))
  assert.equal(result?.kind === 'answer' && result.status, 204)
  assert.equal(field('Access-Control-Allow-Origin'), 'https://app.example.com')
  assert.equal(field('Access-Control-Allow-Methods'), 'GET, HEAD, POST, PUT, PATCH, DELETE')
  assert.equal(field('Access-Control-Allow-Headers'), 'content-type, x-a')
  assert.equal(field('Access-Control-Max-Age'), '86400')
})

test("a preflight is told the route's methods, or those that are set", () => {
  const asked = preflight('https://app.example.com')
  assert.equal(run(one, { ...asked, route: { methods: ['GET', 'PUT'] } }).field('Access-Control-Allow-Methods'), 'GET, PUT')
  assert.equal(run({ ...one, methods: ['PATCH'], headers: ['X-A'], maxAgeSeconds: 0 }, asked).field('Access-Control-Allow-Methods'), 'PATCH')
  assert.equal(run({ ...one, headers: ['X-A'] }, asked).field('Access-Control-Allow-Headers'), 'X-A')
  assert.equal(run({ ...one, maxAgeSeconds: 0 }, asked).field('Access-Control-Max-Age'), '0')
})

test('a preflight of another origin is answered without CORS fields', () => {
  const { result, exchange } = run(one, preflight('https://evil.example'))
  assert.equal(result?.kind === 'answer' && result.status, 204)
  assert.deepEqual(exchange.responseFields, ['Vary', 'Origin'])
})

test('what a preflight asks for is not repeated when it is no name', () => {
  const { field } = run(one, preflight('https://app.example.com', 'Access-Control-Request-Headers', 'x-a, b c, "q", x-d'))
  assert.equal(field('Access-Control-Allow-Headers'), 'x-a, x-d')
})

test('a private network is opened only where said, to those that ask', () => {
  const asked = preflight('https://app.example.com', 'Access-Control-Request-Private-Network', 'true')
  assert.equal(run({ ...one, privateNetwork: true }, asked).field('Access-Control-Allow-Private-Network'), 'true')
  assert.equal(run(one, asked).field('Access-Control-Allow-Private-Network'), undefined)
  assert.equal(run({ ...one, privateNetwork: true }, preflight('https://app.example.com')).field('Access-Control-Allow-Private-Network'), undefined)
})

test('OPTIONS without the question of a preflight goes on to the upstream', () => {
  assert.equal(run(one, { method: 'OPTIONS', headers: ['Origin', 'https://app.example.com'] }).result, undefined)
})

test("the upstream's own CORS fields are taken away", async () => {
  const policy = module.compile(settingsOf(schema, one))
  const exchange = exchangeOf()
  exchange.response = { status: 200, headers: new HeaderFields(['Access-Control-Allow-Origin', '*', 'X-A', '1', 'access-control-max-age', '5', 'Vary', 'Accept']) }
  await policy.onResponse!(exchange)
  assert.deepEqual(exchange.response.headers.flat, ['X-A', '1', 'Vary', 'Accept'])
})

test('the origin * with credentials is a problem at check', () => {
  assert.match(problemsOf(schema, { origins: ['https://a.example', '*'], credentials: true })[0]!, /^origins\.1: .*credentials/)
})

for (const origin of ['app.example.com', 'https://app.example.com/', 'https://*', 'https://a.*.com', '']) {
  test(`${JSON.stringify(origin)} is no origin`, () => {
    assert.match(problemsOf(schema, { origins: [origin] })[0]!, /an origin such as/)
  })
}
