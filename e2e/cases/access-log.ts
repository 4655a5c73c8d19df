// LG1
import assert from 'node:assert/strict'
import { afterDelay, answer, fetchOnce, startUpstream, waitUntil, type FetchedResponse, type FetchOptions } from '@sluice/testkit'
import { makeConsumer, makeKeyOf } from '../actors/consumers.ts'
import type { AccessLine, Edge } from '../modes/system.ts'
import type { Case } from './case.ts'

const fields = 'time, method, path, template, status, bytesIn, bytesOut, totalMs, gatewayMs, upstreamMs, client, requestId, traceId, consumer, credential, route, upstream, endpoint, cache, limit, reason'.split(', ')
const upstreamDelayMs = 30

/** The lines of one request, once there is one. */
function linesOf(edge: Edge, requestId: unknown): Promise<AccessLine[]> {
  return waitUntil(async () => {
    const lines = (await edge.accessLog()).filter((line) => line.requestId === requestId)
    return lines.length > 0 ? lines : undefined
  }, { what: 'a line in the access log' })
}

export const accessLog: Case = {
  name: 'the access log has one line for each request',
  async run(system, t) {
    const upstream = await startUpstream(t, afterDelay(upstreamDelayMs, answer(201, 'x'.repeat(1234))))
    await system.apply({
      upstreams: { logged: { endpoints: [{ url: upstream.url }] } },
      routes: [
        { name: 'logged', match: { path: '/logged/{thing}' }, upstream: 'logged', policies: [{ 'key-auth': {} }, { 'rate-limit': { limit: 1, windowSeconds: 36_000 } }] },
        { name: 'many', match: { path: '/many' }, policies: [{ 'fixed-response': { body: 'ok' } }] },
      ],
    })
    await makeConsumer(system, 'logged-acme')
    const key = await makeKeyOf(system, 'logged-acme')
    const ask = (edge: Edge, path: string, options: FetchOptions = {}) => fetchOnce(edge.url + path, options)
    const lineOf = async (edge: Edge, answered: FetchedResponse): Promise<AccessLine> => (await linesOf(edge, answered.headers['x-request-id']))[0]!

    await t.test('a line has every field in its order, with what was sent, answered and spent', async () => {
      const edge = system.edges[0]!
      const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
      const before = Date.now()
      const answered = await ask(edge, '/logged/a%20b?secret=1', { method: 'POST', body: 'y'.repeat(77), headers: { 'x-api-key': key.key, traceparent: `00-${traceId}-00f067aa0ba902b7-01` } })
      assert.equal(answered.status, 201)
      const line = await lineOf(edge, answered)
      assert.deepEqual(Object.keys(line), fields)
      const { time, totalMs, gatewayMs, upstreamMs, ...rest } = line
      assert.deepEqual(rest, {
        method: 'POST', path: '/logged/a%20b', template: '/logged/{thing}', status: 201, bytesIn: 77, bytesOut: 1234, client: '127.0.0.1',
        requestId: answered.headers['x-request-id'], traceId, consumer: 'logged-acme', credential: key.id, route: 'logged', upstream: 'logged', endpoint: upstream.url, cache: null, limit: 'admitted', reason: null,
      })
      assert.ok(Date.parse(String(time)) >= before - 1 && Date.parse(String(time)) <= Date.now(), String(time))
      assert.ok(Number(upstreamMs) >= upstreamDelayMs - 2 && Number(totalMs) >= Number(upstreamMs) && Number(gatewayMs) >= 0, JSON.stringify(line))
      assert.ok(Math.abs(Number(totalMs) - Number(upstreamMs) - Number(gatewayMs)) < 0.01, JSON.stringify(line))
    })

    await t.test('a refusal is logged with its reason, null where nothing applies', async () => {
      const edge = system.edges[0]!
      const refused = await lineOf(edge, await ask(edge, '/logged/b', { headers: { 'x-api-key': key.key } }))
      assert.deepEqual([refused.status, refused.reason, refused.limit, refused.consumer, refused.endpoint, refused.upstreamMs], [429, 'policy.limit_exceeded', 'refused', 'logged-acme', null, null])
      const unknown = await lineOf(edge, await ask(edge, '/logged/b', { headers: { 'x-api-key': 'sk_no_body' } }))
      assert.deepEqual([unknown.status, unknown.reason, unknown.consumer, unknown.credential, unknown.limit], [401, 'policy.unauthenticated', null, null, null])
      const lost = await lineOf(edge, await ask(edge, '/nowhere?a=1'))
      assert.deepEqual([lost.status, lost.reason, lost.path, lost.template, lost.route, lost.upstream], [404, 'client.no_route', '/nowhere', null, null, null])
      assert.deepEqual(Object.keys(lost), fields)
    })

    await t.test('of many requests at once none is missing and none stands there twice', async () => {
      for (const edge of system.edges) {
        const answers = await Promise.all(Array.from({ length: 80 }, () => ask(edge, '/many')))
        const ids = answers.map(({ headers }) => headers['x-request-id'])
        const lines = await waitUntil(async () => {
          const found = (await edge.accessLog()).filter((line) => ids.includes(String(line.requestId)))
          return found.length >= ids.length ? found : undefined
        }, { what: 'all lines' })
        assert.deepEqual(lines.map((line) => line.requestId).sort(), ids.toSorted())
      }
    })
  },
}
