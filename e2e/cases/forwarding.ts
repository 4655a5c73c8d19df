// PX4
import assert from 'node:assert/strict'
import { answer, echo, startUpstream, waitUntil } from '@sluice/testkit'
import { ask, echoOf } from '../actors/ask.ts'
import type { Case } from './case.ts'

const spoofed = {
  host: 'shop.test:8080',
  'x-forwarded-for': '203.0.113.7, 198.51.100.2',
  'x-forwarded-proto': 'https',
  'x-forwarded-host': 'other.test',
  'x-forwarded-port': '444',
  'x-real-ip': '203.0.113.7',
  'x-request-id': 'from-the-client',
  'x-consumer-name': 'admin',
}

export const forwarding: Case = {
  name: 'an upstream learns who asked, and believes nobody but trusted proxies',
  async run(system, t) {
    const upstream = await startUpstream(t, echo())
    const config = { upstreams: { echo: { endpoints: [{ url: upstream.url }] } }, routes: [{ name: 'echo', match: { pathPrefix: '/' }, upstream: 'echo' }] }
    await system.apply(config)
    const port = (url: string) => new URL(url).port

    await t.test('what a client claims of itself is replaced', async () => {
      const { headers } = await echoOf(system, '/', { headers: { ...spoofed, forwarded: 'for=203.0.113.7;proto=https' } })
      assert.equal(headers['x-forwarded-for'], '127.0.0.1')
      assert.equal(headers['x-forwarded-proto'], 'http')
      assert.equal(headers['x-forwarded-host'], 'shop.test:8080')
      assert.equal(headers['x-forwarded-port'], port(system.edges.at(-1)!.url))
      assert.equal(headers['forwarded'], 'for=127.0.0.1;host="shop.test:8080";proto=http')
      assert.equal(headers['x-real-ip'], undefined)
      assert.equal(headers['x-consumer-name'], undefined)
      assert.equal(headers['host'], 'shop.test:8080')
    })

    await t.test('a request id is made unless a trusted proxy brings one, and stands in the answer, too', async () => {
      const answered = await ask(system, '/', { headers: { 'x-request-id': 'from-the-client' } })
      const { headers } = answered.json<{ headers: Record<string, string> }>()
      assert.match(headers['x-request-id'] ?? '', /^[0-9A-Z]{26}$/)
      assert.equal(answered.headers['x-request-id'], headers['x-request-id'])
    })

    await t.test('Via is continued in both directions', async () => {
      upstream.doesNext(...system.edges.map(() => answer(200, '{}', { via: '1.0 inner' })))
      const answered = await ask(system, '/', { headers: { via: '1.1 outer' } })
      assert.equal(answered.headers.via, '1.0 inner, 1.1 sluice')
      assert.equal(upstream.requests.at(-1)?.headers.via, '1.1 outer, 1.1 sluice')
      assert.equal((await ask(system, '/')).headers.via, '1.1 sluice')
    })

    await t.test('hop-by-hop fields pass in no direction, nor does what Connection names', async () => {
      const { headers } = await echoOf(system, '/', { headers: { connection: 'x-private', 'x-private': '1', te: 'deflate', 'keep-alive': 'timeout=1', 'proxy-authorization': 'Basic eA==', 'x-kept': '2' } })
      for (const name of ['x-private', 'te', 'keep-alive', 'proxy-authorization', 'upgrade']) assert.equal(headers[name], undefined, name)
      assert.equal(headers['x-kept'], '2')
      upstream.doesNext(...system.edges.map(() => answer(200, '{}', { connection: 'x-inner', 'x-inner': '1', 'proxy-authenticate': 'Basic', 'x-outer': '2' })))
      const answered = await ask(system, '/')
      assert.deepEqual([answered.headers['x-inner'], answered.headers['proxy-authenticate'], answered.headers['x-outer']], [undefined, undefined, '2'])
    })

    await t.test('a trace is continued with a span of its own, or begun', async () => {
      const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
      const continued = await echoOf(system, '/', { headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01`, tracestate: 'a=1' } })
      assert.match(continued.headers['traceparent'] ?? '', new RegExp(`^00-${traceId}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`))
      assert.equal(continued.headers['tracestate'], 'a=1')
      const begun = await echoOf(system, '/', { headers: { traceparent: '00-nonsense-01', tracestate: 'a=1' } })
      assert.match(begun.headers['traceparent'] ?? '', /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
      assert.equal(begun.headers['tracestate'], undefined)
    })

    await t.test('a trusted proxy is believed: address, scheme, host, port and id', async () => {
      await system.apply({ ...config, trustedProxies: ['127.0.0.0/8', '198.51.100.0/24'] })
      const answered = await ask(system, '/', { headers: spoofed })
      const { headers } = answered.json<{ headers: Record<string, string> }>()
      assert.equal(headers['x-forwarded-for'], '203.0.113.7, 198.51.100.2, 127.0.0.1')
      assert.equal(headers['x-forwarded-proto'], 'https')
      assert.equal(headers['x-forwarded-host'], 'other.test')
      assert.equal(headers['x-forwarded-port'], '444')
      assert.equal(headers['x-request-id'], 'from-the-client')
      assert.equal(answered.headers['x-request-id'], 'from-the-client')
      assert.equal(headers['x-consumer-name'], undefined, 'an identity is never taken from a field')
      const edge = system.edges[0]!
      const line = await waitUntil(async () => (await edge.accessLog()).find((one) => one.requestId === 'from-the-client'), { what: 'the line in the access log' })
      assert.equal(line.client, '203.0.113.7', 'the first address from the right that is no trusted proxy')
    })

    await t.test('a trusted proxy that cannot be read is a bad request', async () => {
      assert.equal((await ask(system, '/', { headers: { forwarded: 'for="unclosed' } })).status, 400)
    })
  },
}
