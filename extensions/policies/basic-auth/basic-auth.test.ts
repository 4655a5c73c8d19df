import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exchangeOf, fieldValues, identityOf, partsFor, type PartsChanges, refusalOf } from '../exchange.contract.ts'
import type { Exchange } from '../exchange.ts'
import { policyContract, problemsOf, settingsOf } from '../policy.contract.ts'
import type { HookResult, Verdict } from '../policy.ts'
import { throttleContract } from '../throttle-setting.contract.ts'
import * as module from './basic-auth.ts'
import { schema } from './schema.ts'

policyContract({ schema, module, from: import.meta.url, examples: [{}, { realm: 'the back office' }] })

const caller = identityOf({ consumer: 'acme', method: 'basic-auth' })
const good: Verdict = { outcome: 'valid', identity: caller }
const basic = (text: string | Buffer) => `Basic ${Buffer.from(text).toString('base64')}`
const withValue = (value: string) => exchangeOf({ headers: ['Authorization', value] })

function run(exchange: Exchange, settings: Record<string, unknown> = {}, changes: PartsChanges = { verdict: good }) {
  const parts = partsFor('basic-auth', changes)
  const policy = module.compile(settingsOf(schema, settings), parts)
  return { parts, result: policy.onRequest!(exchange) as HookResult | Promise<HookResult> }
}

test('a right name and password say who is calling, and do not reach the upstream', async () => {
  const exchange = withValue(basic('acme:open:sesame'))
  const { parts, result } = run(exchange, {}, { verdict: async () => good })
  assert.equal(await result, undefined)
  assert.equal(exchange.identity, caller)
  assert.deepEqual(parts.seen, ['acme:open:sesame'])
  assert.equal(exchange.request.headers.get('authorization'), undefined)
})

test('they are sent on where that is wanted', () => {
  const exchange = withValue(basic('acme:x'))
  assert.equal(run(exchange, { hideCredential: false }).result, undefined)
  assert.equal(exchange.request.headers.get('authorization'), basic('acme:x'))
})

test('the example of RFC 7617, in letters outside ASCII, is read', () => {
  assert.deepEqual(run(withValue('Basic dGVzdDoxMjPCow==')).parts.seen, ['test:123£'])
  assert.deepEqual(run(withValue('bAsIc   QWxhZGRpbjpvcGVuIHNlc2FtZQ== ')).parts.seen, ['Aladdin:open sesame'])
})

test('without a credential the client is asked for one, in the realm that is set', async () => {
  for (const exchange of [exchangeOf(), withValue('Bearer x'), withValue('Basically no')]) {
    const refusal = await refusalOf(run(exchange, { realm: 'the "inner" \\ office' }).result)
    assert.equal(refusal.code, 'policy.unauthenticated')
    assert.equal(refusal.withoutCredential, true)
    assert.deepEqual(fieldValues(refusal.headers, 'WWW-Authenticate'), ['Basic realm="the \\"inner\\" \\\\ office", charset="UTF-8"'])
  }
})

const unusable: readonly (readonly [string, Exchange])[] = [
  ['nothing behind the scheme', withValue('Basic')],
  ['no colon', withValue(basic('acme'))],
  ['no name', withValue(basic(':secret'))],
  ['no password', withValue(basic('acme:'))],
  ['a control character', withValue(basic('acme:se\u0007cret'))],
  ['a NUL', withValue(basic('ac\u0000me:secret'))],
  ['bytes that are not UTF-8', withValue(basic(Buffer.from([0x61, 0x3a, 0xff, 0xfe])))],
  ['base64 with a blank in it', withValue('Basic YTpi YTpi')],
  ['base64 without its padding', withValue('Basic YTo')],
  ['base64url', withValue('Basic YTo_Pz8_')],
  ['a name longer than any', withValue(basic(`${'a'.repeat(257)}:x`))],
  ['a password longer than any', withValue(basic(`a:${'x'.repeat(1025)}`))],
  ['a field longer than any', withValue(basic(`a:${'x'.repeat(5000)}`))],
  ['a field that stands twice', exchangeOf({ headers: ['Authorization', basic('a:b'), 'authorization', basic('c:d')] })],
]
for (const [what, exchange] of unusable) {
  test(`${what} is refused without asking anybody, as a wrong password is`, async () => {
    const { parts, result } = run(exchange)
    const refusal = await refusalOf(result)
    assert.deepEqual([refusal.code, refusal.withoutCredential, parts.seen], ['policy.unauthenticated', undefined, []])
  })
}

test('a wrong name and a wrong password get the same answer', async () => {
  const { result } = run(withValue(basic('a:b')), {}, { verdict: { outcome: 'invalid', reason: 'wrong_secret' } })
  const refusal = await refusalOf(result)
  assert.deepEqual(fieldValues(refusal.headers, 'WWW-Authenticate'), ['Basic realm="sluice", charset="UTF-8"'])
  assert.equal(refusal.withoutCredential, undefined)
  assert.doesNotMatch(JSON.stringify(refusal), /wrong_secret/)
})

test('while auth cannot be asked the answer is 503, not 401', async () => {
  const exchange = withValue(basic('a:b'))
  assert.equal((await refusalOf(run(exchange, {}, { verdict: { outcome: 'unavailable', code: 'dependency.auth_unreachable' } }).result)).code, 'dependency.auth_unreachable')
  assert.equal(exchange.identity, undefined)
})

test('answers are never used for less while auth is away than while it is there', () => {
  assert.deepEqual(run(exchangeOf(), { cacheSeconds: 10, staleSeconds: 5 }).parts.asked.passwords, [{ cacheSeconds: 10, staleSeconds: 10 }])
})

test('a realm that no field can hold is a problem at check', () => {
  assert.match(problemsOf(schema, { realm: 'a\nb' })[0]!, /ASCII/)
})

throttleContract(run, () => withValue(basic('a:b')))
