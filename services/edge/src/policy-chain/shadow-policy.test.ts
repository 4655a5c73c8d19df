import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HeaderFields } from '@sluice/http'
import type { Exchange, Identity } from '@sluice/policies/exchange'
import { refuse, type Policy } from '@sluice/policies/policy'
import { ShadowPolicy, type ShadowedExchange } from './shadow-policy.ts'

const acme: Identity = { consumer: 'acme', groups: [], credential: 'k', method: 'm', claims: undefined, scopes: [], resolved: true }

function exchangeOf(): ShadowedExchange {
  const request = { method: 'GET', path: '/a', query: '', host: 'h', headers: new HeaderFields(['X-A', '1']), target: '/a', declaredBytes: 0 }
  return { requestId: 'r', request, response: undefined, identity: undefined, limits: [], responseFields: [], isOver: false, shadow: undefined } as unknown as ShadowedExchange
}

function inShadow(policy: Policy) {
  const warned: object[] = []
  return { warned, policy: new ShadowPolicy(policy, 'p', { warn: (facts) => void warned.push(facts), info: () => undefined }) }
}

test('whatever a policy in shadow writes, the exchange stays as it was; what it decided is noted', async () => {
  const meddle = (exchange: Exchange) => {
    exchange.request.headers.remove('x-a')
    exchange.request.path = '/b'
    exchange.requestId = 'mine'
    exchange.responseFields.push('X-B', '2')
    exchange.identity = acme
    exchange.limits.push({ name: 'l', limit: 1, windowSeconds: 1, burst: 1, remaining: 0, resetSeconds: 1, outcome: 'refused' })
    return refuse('policy.limit_exceeded')
  }
  for (const onRequest of [meddle, async (exchange: Exchange) => meddle(exchange)]) {
    const exchange = exchangeOf()
    assert.equal(await inShadow({ onRequest }).policy.onRequest(exchange), undefined)
    assert.deepEqual([exchange.request.headers.flat, exchange.request.path, exchange.requestId, exchange.responseFields, exchange.identity], [['X-A', '1'], '/a', 'r', [], undefined])
    assert.deepEqual(exchange.limits.map(({ outcome, isHidden }) => [outcome, isHidden]), [['would_refuse', true]])
    assert.equal(exchange.shadow?.decision, 'p:policy.limit_exceeded')
  }
})

test('an answer is noted by its status, and what goes on notes nothing', () => {
  const exchange = exchangeOf()
  assert.equal(inShadow({ onRequest: () => undefined }).policy.onRequest(exchange), undefined)
  assert.equal(exchange.shadow, undefined)
  void inShadow({ onRequest: () => ({ kind: 'answer', status: 204, headers: [], body: '' }) }).policy.onRequest(exchange)
  assert.equal(exchange.shadow!.decision, 'p:204')
})

test('who one policy in shadow says is calling is known to the next, and once one has decided no other is asked', () => {
  const exchange = exchangeOf()
  const seen: (string | undefined)[] = []
  const look = { onRequest: (view: Exchange) => (seen.push(view.identity?.consumer), refuse('policy.forbidden')) }
  void inShadow({ onRequest: (view) => void (view.identity = acme) }).policy.onRequest(exchange)
  void inShadow(look).policy.onRequest(exchange)
  void inShadow(look).policy.onRequest(exchange)
  assert.deepEqual([seen, exchange.identity, exchange.shadow!.decision], [['acme'], undefined, 'p:policy.forbidden'])
})

test('a policy that fails in shadow is told of, and noted as what it would have caused', async () => {
  for (const onRequest of [() => assert.fail('broken'), async () => assert.fail('broken')]) {
    const exchange = exchangeOf()
    const { policy, warned } = inShadow({ onRequest })
    assert.equal(await policy.onRequest(exchange), undefined)
    assert.deepEqual([exchange.shadow!.decision, warned.length], ['p:internal.unexpected', 1])
  }
})

test('a body that would be refused passes', () => {
  const exchange = exchangeOf()
  const { policy } = inShadow({ onRequestBody: (_exchange, bytesSoFar) => (bytesSoFar > 3 ? refuse('client.body_too_large') : undefined) })
  void policy.onRequest(exchange)
  for (const bytes of [2, 4, 6]) assert.equal(policy.onRequestBody!(exchange, bytes, Buffer.alloc(2)), undefined)
  assert.equal(exchange.shadow!.decision, 'p:client.body_too_large')
})

test('the response stays as it was, and the end of the exchange is told for what was begun', () => {
  const told: string[] = []
  const { policy } = inShadow({
    onRequest: () => undefined,
    onResponse: (view) => void view.response!.headers.set('X-B', '2'),
    onResponseBody: (_view, piece) => void told.push(String(piece)),
    onDone: (view) => void told.push(view.response!.headers.get('x-b')!),
  })
  const never = exchangeOf()
  policy.onDone!(never)
  const exchange = exchangeOf()
  void policy.onRequest(exchange)
  exchange.response = { status: 200, headers: new HeaderFields([]) }
  policy.onResponse!(exchange)
  policy.onResponseBody!(exchange, Buffer.from('piece'))
  policy.onDone!(exchange)
  assert.deepEqual([told, exchange.response.headers.flat], [['piece', '2'], []])
})

test('a body is read ahead only when that cannot lose it', async () => {
  for (const [declaredBytes, expected] of [[5, 'whole'], [6, undefined], [undefined, undefined]] as const) {
    const exchange = exchangeOf()
    Object.assign(exchange.request, { declaredBytes })
    exchange.readBody = async () => Buffer.from('whole')
    let read: string | undefined
    await inShadow({ onRequest: async (view) => void (read = (await view.readBody(5))?.toString()) }).policy.onRequest(exchange)
    assert.equal(read, expected)
  }
})

test('it has the hooks of the policy, and no other', () => {
  const { policy } = inShadow({ onRequest: () => undefined })
  assert.deepEqual([policy.onRequestBody, policy.onResponse, policy.onResponseBody, policy.onDone], [undefined, undefined, undefined, undefined])
})
