import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { MetricsRegistry, renderMetrics } from '@sluice/service-kit'
import { phaseNames } from './phases.ts'
import { RequestMetrics } from './request-metrics.ts'
import { finished } from './test/finished.ts'

function recorded(...exchanges: Parameters<typeof finished>[0][]): string[] {
  const registry = new MetricsRegistry()
  const metrics = new RequestMetrics(registry)
  for (const exchange of exchanges) metrics.record(finished(exchange))
  return renderMetrics(registry.snapshot()).split('\n')
}

function assertHas(lines: readonly string[], ...expected: string[]): void {
  for (const line of expected) assert.ok(lines.includes(line), `${line} in\n${lines.join('\n')}`)
}

suite('the metrics of exchanges', () => {
  test('requests are counted by route, method and status', () => {
    const lines = recorded({}, {}, { method: 'POST' }, { status: 502 }, { route: 'orders' }, { route: undefined, status: 404 })
    assertHas(
      lines,
      'sluice_requests_total{route="get-user",method="GET",status="200"} 2',
      'sluice_requests_total{route="get-user",method="POST",status="200"} 1',
      'sluice_requests_total{route="get-user",method="GET",status="502"} 1',
      'sluice_requests_total{route="orders",method="GET",status="200"} 1',
      'sluice_requests_total{route="",method="GET",status="404"} 1',
    )
  })

  test('methods that clients invent share one label', () => {
    const lines = recorded({ method: 'BREW' }, { method: 'X-1' })
    assertHas(lines, 'sluice_requests_total{route="get-user",method="other",status="200"} 2')
    assert.equal(lines.filter((line) => line.startsWith('sluice_requests_total{')).length, 1)
  })

  test('durations are in seconds, of the whole, the gateway and the upstream', () => {
    const lines = recorded({ totalMs: 40, gatewayMs: 0.2, upstreamMs: 39 }, { totalMs: 1, gatewayMs: 1, upstreamMs: undefined, upstream: undefined })
    assertHas(
      lines,
      'sluice_request_duration_seconds_bucket{route="get-user",le="0.025"} 1',
      'sluice_request_duration_seconds_bucket{route="get-user",le="0.05"} 2',
      'sluice_request_duration_seconds_count{route="get-user"} 2',
      'sluice_gateway_duration_seconds_bucket{phase="total",le="0.00025"} 1',
      'sluice_gateway_duration_seconds_count{phase="total"} 2',
      'sluice_upstream_duration_seconds_sum{upstream="users"} 0.039',
      'sluice_upstream_duration_seconds_count{upstream="users"} 1',
    )
  })

  test('a phase counts when it ran', () => {
    const phases = new Float64Array(phaseNames.length)
    phases[phaseNames.indexOf('policy-chain')] = 0.4
    const lines = recorded({ phases })
    assertHas(lines, 'sluice_gateway_duration_seconds_sum{phase="policy-chain"} 0.0004', 'sluice_gateway_duration_seconds_count{phase="router"} 0')
  })

  test('refusals because a limit was spent are counted by route', () => {
    const lines = recorded({ status: 429, reason: 'policy.limit_exceeded', refused: true }, { status: 403, reason: 'policy.forbidden', refused: true })
    assertHas(lines, 'sluice_limit_refused_total{route="get-user"} 1')
  })

  test('what a limit in shadow would have refused is counted apart', () => {
    const lines = recorded({ limit: 'would_refuse' }, { limit: 'would_admit' }, { status: 429, reason: 'policy.limit_exceeded', limit: 'refused', refused: true })
    assertHas(lines, 'sluice_limit_would_refuse_total{route="get-user"} 1', 'sluice_limit_refused_total{route="get-user"} 1')
  })

  test('beyond 5000 routes and upstreams further ones are counted together', () => {
    const registry = new MetricsRegistry()
    const metrics = new RequestMetrics(registry)
    for (let i = 0; i < 6000; i++) metrics.record(finished({ route: `route-${i}`, upstream: `upstream-${i}` }))
    const lines = renderMetrics(registry.snapshot()).split('\n')
    assertHas(lines, 'sluice_request_duration_seconds_count{route="other"} 1000', 'sluice_upstream_duration_seconds_count{upstream="other"} 1000')
    const total = lines.filter((line) => line.startsWith('sluice_requests_total{')).reduce((sum, line) => sum + Number(line.split(' ')[1]), 0)
    assert.equal(total, 6000)
  })
})
