import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MetricsRegistry } from '@sluice/service-kit'
import { trafficTotals } from './traffic-totals.ts'

test('the traffic of all routes is added up, and what the edge could not serve is told apart', () => {
  const metrics = new MetricsRegistry()
  const requests = metrics.counter('sluice_requests_total', 'Requests', ['route', 'method', 'status'])
  const durations = metrics.histogram('sluice_request_duration_seconds', 'Durations', [0.01, 0.1], ['route'])
  for (const [route, status, count] of [['a', '200', 5], ['a', '503', 2], ['b', '404', 1], ['b', '500', 1]] as const) requests.with(route, 'GET', status).add(count)
  for (const [route, seconds] of [['a', 0.005], ['a', 0.05], ['b', 0.05], ['b', 7]] as const) durations.with(route).observe(seconds)
  assert.deepEqual(trafficTotals(metrics.snapshot()), { requests: 9, serverErrors: 3, durationBounds: [0.01, 0.1], durationCounts: [1, 2, 1] })
})

test('an edge that has served nothing yet says so', () => {
  assert.deepEqual(trafficTotals([]), { requests: 0, serverErrors: 0, durationBounds: [], durationCounts: [0] })
})
