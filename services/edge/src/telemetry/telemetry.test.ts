import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { MetricsRegistry, systemClock } from '@sluice/service-kit'
import { runProcess, waitUntil } from '@sluice/testkit'
import { createTelemetry, type TelemetryParts } from './telemetry.ts'
import { finished, KeepingExporter } from './test/finished.ts'
import type { UsagePart } from './usage-part.ts'

function setUp(overrides: Partial<TelemetryParts> = {}) {
  const parts: UsagePart[] = []
  const metrics = new MetricsRegistry()
  const exporter = new KeepingExporter()
  const telemetry = createTelemetry({ metrics, exporter, clock: systemClock, onUsage: (part) => parts.push(part), ...overrides })
  const value = (name: string, ...labels: string[]) => metrics.snapshot().find((metric) => metric.name === name)?.series.find((series) => series.values.join() === labels.join())?.value
  return { telemetry, parts, metrics, exporter, value }
}

suite('telemetry of a worker', () => {
  test('an exchange reaches the access log, the metrics and the usage by itself', async () => {
    const { telemetry, parts, exporter, value } = setUp()
    telemetry.record(finished())
    await waitUntil(() => parts.length === 1 && exporter.lines.length === 1)
    assert.equal(parts[0]!.counts[0]!.requests, 1)
    assert.equal(value('sluice_requests_total', 'get-user', 'GET', '200'), 1)
    await telemetry.stop()
  })

  test('exchanges that end close together leave together', async () => {
    const { telemetry, parts, exporter } = setUp()
    for (let i = 0; i < 50; i++) telemetry.record(finished())
    await waitUntil(() => parts.length > 0)
    assert.deepEqual([parts.length, parts[0]!.counts[0]!.requests, exporter.batches.length], [1, 50, 1])
    await telemetry.stop()
  })

  test('without an exporter no lines are made, and the rest goes on', async () => {
    const { telemetry, parts } = setUp({ exporter: undefined })
    telemetry.record(finished())
    await telemetry.stop()
    assert.equal(parts.length, 1)
  })

  test('stopping hands on what was gathered, closes the exporter, and then records nothing', async () => {
    const { telemetry, parts, exporter, value } = setUp()
    telemetry.record(finished())
    await telemetry.stop()
    telemetry.record(finished())
    assert.deepEqual([parts.length, exporter.lines.length, exporter.isClosed], [1, 1, true])
    assert.equal(value('sluice_requests_total', 'get-user', 'GET', '200'), 1)
  })

  test('going over to another exporter loses no line and closes the first', async () => {
    const { telemetry, exporter } = setUp()
    const next = new KeepingExporter()
    telemetry.record(finished({ path: '/1' }))
    await telemetry.useExporter(next)
    telemetry.record(finished({ path: '/2' }))
    await telemetry.useExporter(undefined)
    telemetry.record(finished({ path: '/3' }))
    await telemetry.stop()
    assert.deepEqual([exporter, next].map(({ lines, isClosed }) => [lines.length, isClosed]), [[1, true], [1, true]])
  })

  test('lines written and lines dropped are counted over all exporters', async () => {
    const { telemetry, exporter, value } = setUp()
    telemetry.record(finished())
    await telemetry.flush()
    exporter.counts.dropped = 3
    assert.deepEqual([value('sluice_access_log_lines_total', 'written'), value('sluice_access_log_lines_total', 'dropped')], [1, 3])
    await telemetry.useExporter(new KeepingExporter())
    telemetry.record(finished())
    await telemetry.flush()
    assert.deepEqual([value('sluice_access_log_lines_total', 'written'), value('sluice_access_log_lines_total', 'dropped')], [2, 3])
    await telemetry.stop()
  })

  test('events beyond the budget are counted as dropped', async () => {
    const { telemetry, parts, value } = setUp({ eventsPerSecond: 2 })
    for (let i = 0; i < 10; i++) telemetry.record(finished())
    await telemetry.stop()
    const dropped = parts.reduce((sum, part) => sum + part.droppedEvents, 0)
    assert.ok(dropped >= 6)
    assert.equal(value('sluice_usage_events_dropped_total'), dropped)
  })

  test('the same object may be filled again for the next exchange', async () => {
    const { telemetry, parts, exporter } = setUp()
    const exchange = finished()
    telemetry.record(exchange)
    Object.assign(exchange, { path: '/other', consumer: 'other', status: 500 })
    telemetry.record(exchange)
    await telemetry.stop()
    assert.deepEqual(parts[0]!.events.map(({ consumer, status }) => [consumer, status]), [['acme', 200], ['other', 500]])
    assert.deepEqual(exporter.lines.map((line) => (JSON.parse(line) as { path: string }).path), ['/api/users/42', '/other'])
  })

  test('no OpenTelemetry SDK is loaded: tracing that is off costs nothing', async (t) => {
    const script = `
      import { registerHooks } from 'node:module'
      const loaded = []
      registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context) } })
      await import(${JSON.stringify(new URL('./telemetry.ts', import.meta.url).href)})
      const { continueTrace } = await import(${JSON.stringify(new URL('./trace-context.ts', import.meta.url).href)})
      continueTrace(undefined)
      console.log(loaded.some((url) => url.includes('trace-context')), loaded.filter((url) => url.includes('opentelemetry')).length)`
    const { stdout, stderr } = await runProcess(t, process.execPath, ['--input-type=module', '-e', script])
    assert.equal(stdout.trim(), 'true 0', stderr)
  })
})
