import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { AccessRecords } from './access-record.ts'
import { finished } from './test/finished.ts'

suite('an access record', () => {
  test('has exactly the fields of the interface, in their order', () => {
    const line = new AccessRecords().line(finished())
    assert.equal(
      line,
      '{"time":"2026-01-02T03:04:05.067Z","method":"GET","path":"/api/users/42","template":"/api/users/{user_id}","status":200,"bytesIn":0,"bytesOut":512,' +
        '"totalMs":3.250,"gatewayMs":0.250,"upstreamMs":3,"client":"192.0.2.7","requestId":"01KDZV7RM3AAAAAAAAAAAAAAAA","traceId":"4bf92f3577b34da6a3ce929d0e0e4736",' +
        '"consumer":"acme","credential":"k7f3","route":"get-user","upstream":"users","endpoint":"http://127.0.0.1:9001","cache":null,"limit":"admitted","reason":null}\n',
    )
  })

  test('has null where a field does not apply', () => {
    const none = { template: '', upstreamMs: undefined, traceId: undefined, consumer: undefined, credential: undefined, route: undefined, upstream: undefined, endpoint: undefined, limit: undefined }
    const record = JSON.parse(new AccessRecords().line(finished({ ...none, status: 404, reason: 'client.no_route' }))) as Record<string, unknown>
    assert.deepEqual(Object.keys(record).filter((name) => record[name] === null), ['template', 'upstreamMs', 'traceId', 'consumer', 'credential', 'route', 'upstream', 'endpoint', 'cache', 'limit'])
    assert.equal(record['reason'], 'client.no_route')
  })

  test('cannot be broken by what a client or a token says', () => {
    const text = fc.string({ unit: 'binary' })
    fc.assert(
      fc.property(fc.record({ method: text, path: text, client: text, requestId: text, consumer: text, credential: text, route: text, template: text, upstream: text, endpoint: text, reason: text }), (texts) => {
        const line = new AccessRecords().line(finished(texts))
        assert.match(line, /^[\x20-\x7e]+\n$/)
        const { template, ...others } = texts
        assert.partialDeepStrictEqual(JSON.parse(line), { ...others, template: template === '' ? null : template })
      }),
      { numRuns: 50 },
    )
  })

  test('gives durations in ms with µs, and 0 for what is none', () => {
    const durations = [0, 0.0004, 0.001, 12.3456, 999.9996, 60_000.5, NaN, -1, Infinity].map((totalMs) => (JSON.parse(new AccessRecords().line(finished({ totalMs }))) as { totalMs: number }).totalMs)
    assert.deepEqual(durations, [0, 0, 0.001, 12.346, 1000, 60_000.5, 0, 0, 0])
  })

  test('gives the instant of each exchange, however they are mixed', () => {
    const records = new AccessRecords()
    const base = Date.UTC(2026, 11, 31, 23, 59, 58)
    for (const offset of [0, 1999, 3, 20_000, 1000, 2000, -5000, 999]) {
      const { time } = JSON.parse(records.line(finished({ startedAtMs: base + offset }))) as { time: string }
      assert.equal(time, new Date(base + offset).toISOString())
    }
  })

  test('follows a route whose template or upstream has changed', () => {
    const records = new AccessRecords()
    records.line(finished())
    const changed = { template: '/v2/{id}', upstream: 'users-2' }
    assert.partialDeepStrictEqual(JSON.parse(records.line(finished(changed))), changed)
  })

  test('keeps its pieces bounded over any number of routes and endpoints', () => {
    const records = new AccessRecords()
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < 30_000; i++) {
      const record = JSON.parse(records.line(finished({ route: `route-${i % 7}`, endpoint: `http://10.0.0.1:${i}/` }))) as { route: string; endpoint: string }
      assert.deepEqual([record.route, record.endpoint], [`route-${i % 7}`, `http://10.0.0.1:${i}/`])
    }
    assert.ok(process.memoryUsage().heapUsed - before < 50_000_000)
  })
})
