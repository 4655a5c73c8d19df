import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answer } from '@sluice/buses/rpc'
import { TopRoutesQuerySchema, TopRoutesReplySchema, UsageQueryReplySchema, UsageQuerySchema } from '@sluice/proto/messages/analytics'
import { DeregisterReplySchema, DeregisterRequestSchema, EndpointHealth, RegisterReplySchema, RegisterRequestSchema, UpstreamStatesReplySchema, UpstreamStatesRequestSchema } from '@sluice/proto/messages/discovery'
import { LimitPeekReplySchema, LimitPeekRequestSchema, LimitResetReplySchema, LimitResetRequestSchema } from '@sluice/proto/messages/ratelimit'
import { subjects } from '@sluice/proto/subjects'
import { createFakeClock } from '@sluice/testkit'
import { makeSurroundings, startControl } from './control-under-test.ts'

const scope = 'default'
const reasonOf = (response: { json<T>(): T }) => response.json<{ reason: string }>().reason

test('endpoints are shown with their health, registered, kept alive and taken away', async (context) => {
  const surroundings = await makeSurroundings(context)
  const control = await startControl(context, surroundings)
  assert.equal(reasonOf(await control.call('GET', '/v1/endpoints')), 'dependency.discovery_unreachable')
  const known = new Set<string>()
  const { bus } = surroundings
  const endpoint = { id: '127.0.0.1:1', url: 'http://127.0.0.1:1', weight: 1, health: EndpointHealth.UNHEALTHY, reason: 'refused', changedAtMs: 1000 }
  answer(bus, subjects.upstreamStates(scope), { request: UpstreamStatesRequestSchema, reply: UpstreamStatesReplySchema }, () => ({ states: [{ scope, upstream: 'users', version: 1, endpoints: [endpoint] }] }))
  answer(bus, subjects.register(scope), { request: RegisterRequestSchema, reply: RegisterReplySchema }, ({ service, id, port, weight }) => {
    assert.deepEqual([port, weight], [8080, 1])
    const created = !known.has(`${service}/${id}`)
    known.add(`${service}/${id}`)
    return { created, heartbeatSeconds: 10 }
  })
  answer(bus, subjects.deregister(scope), { request: DeregisterRequestSchema, reply: DeregisterReplySchema }, ({ service, id }) => ({ existed: known.delete(`${service}/${id}`) }))

  const { items } = await control.json<{ items: Record<string, unknown>[] }>('GET', '/v1/endpoints')
  assert.deepEqual([items[0]?.['name'], items[0]?.['health'], items[0]?.['changedAt']], ['users/127.0.0.1:1', 'unhealthy', '1970-01-01T00:00:01.000Z'])
  const body = { address: '10.0.0.7', port: 8080 }
  assert.equal((await control.call('PUT', '/v1/endpoints/users/u-1', body)).status, 201)
  const beat = await control.call('PUT', '/v1/endpoints/users/u-1', body)
  assert.deepEqual([beat.status, beat.json()], [200, { heartbeatSeconds: 10 }])
  assert.equal((await control.call('PUT', '/v1/endpoints/users/u-1', { address: '10.0.0.7', prot: 8080 })).status, 400)
  assert.equal((await control.call('DELETE', '/v1/endpoints/users/u-1')).status, 204)
  assert.equal((await control.call('DELETE', '/v1/endpoints/users/u-1')).status, 404)
  const audit = await control.json<{ items: { action: string }[] }>('GET', '/v1/audit')
  assert.deepEqual(audit.items.filter((item) => item.action.startsWith('PUT')).length, 2)
})

test('usage is that of the month so far, or of the whole hours asked for', async (context) => {
  const surroundings = await makeSurroundings(context)
  const control = await startControl(context, surroundings, { clock: createFakeClock(Date.parse('2026-03-15T10:20:30Z')) })
  assert.equal(reasonOf(await control.call('GET', '/v1/usage')), 'dependency.analytics_unreachable')
  const spans: string[][] = []
  const { bus } = surroundings
  const remember = (fromMs: number, toMs: number) => spans.push([fromMs, toMs].map((ms) => new Date(ms).toISOString()))
  answer(bus, subjects.usageQuery(scope), { request: UsageQuerySchema, reply: UsageQueryReplySchema }, ({ fromMs, toMs }) => {
    remember(fromMs, toMs)
    return { items: [{ consumer: 'acme', requests: 7, refused: 1, bytesIn: 10, bytesOut: 20 }], watermarkMs: Date.parse('2026-03-15T10:20:00Z') }
  })
  answer(bus, subjects.topRoutes(scope), { request: TopRoutesQuerySchema, reply: TopRoutesReplySchema }, ({ limit }) => ({ items: [{ route: 'a', requests: limit }] }))
  assert.deepEqual(await control.json('GET', '/v1/usage'), { items: [{ consumer: 'acme', requests: 7, refused: 1, bytesIn: 10, bytesOut: 20 }], watermark: '2026-03-15T10:20:00.000Z' })
  await control.json('GET', '/v1/usage?from=2026-02-01T00:00:00Z&to=2026-03-01T01:00:00%2B01:00')
  assert.deepEqual(spans, [['2026-03-01T00:00:00.000Z', '2026-03-15T11:00:00.000Z'], ['2026-02-01T00:00:00.000Z', '2026-03-01T00:00:00.000Z']])
  for (const query of ['from=2026-02-01T00:30:00Z', 'from=yesterday', 'from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z']) {
    assert.equal((await control.call('GET', `/v1/usage?${query}`)).status, 400, query)
  }
  assert.equal((await control.json<{ items: { requests: number }[] }>('GET', '/v1/analytics/routes?limit=5')).items[0]?.requests, 5)
})

test('a limit is looked at without a trace and started afresh with one', async (context) => {
  const surroundings = await makeSurroundings(context)
  const control = await startControl(context, surroundings)
  const counter = { key: 'route:a|acme', limit: 10 }
  assert.equal(reasonOf(await control.call('POST', '/v1/limits/peek', counter)), 'dependency.ratelimit_unreachable')
  answer(surroundings.bus, subjects.limitPeek(scope), { request: LimitPeekRequestSchema, reply: LimitPeekReplySchema }, ({ key }) => {
    assert.deepEqual([key?.key, key?.windowMs, key?.burst, key?.scope], ['route:a|acme', 60_000, 10, scope])
    return { remaining: 3, resetMs: 1500 }
  })
  answer(surroundings.bus, subjects.limitReset(scope), { request: LimitResetRequestSchema, reply: LimitResetReplySchema }, () => ({ existed: true }))
  assert.deepEqual(await control.json('POST', '/v1/limits/peek', counter), { remaining: 3, resetSeconds: 2 })
  assert.deepEqual(await control.json('POST', '/v1/limits/reset', counter), { existed: true })
  const { items } = await control.json<{ items: { action: string }[] }>('GET', '/v1/audit')
  assert.deepEqual(items.map((item) => item.action), ['POST /v1/limits/reset'])
})
