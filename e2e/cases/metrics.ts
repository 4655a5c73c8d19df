// MT1 without circuits, cache and certificates, which are not built
import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { afterDelay, answer, fetchOnce, startUpstream, waitUntil } from '@sluice/testkit'
import { readMetrics, sum, type Sample } from '../actors/metrics.ts'
import type { System } from '../modes/system.ts'
import type { Case } from './case.ts'

const requests = 12

/** The metrics of all edges together; embedded, those of every service are among them. */
async function ofEdges(system: System): Promise<Sample[]> {
  return (await Promise.all(system.edges.map((edge) => readMetrics(edge.metricsUrl)))).flat()
}

export const metrics: Case = {
  name: 'metrics tell what happened',
  async run(system, t) {
    const upstream = await startUpstream(t, afterDelay(20, answer(200, 'measured')))
    const { revision } = await system.apply({
      upstreams: { measured: { endpoints: [{ url: upstream.url }] } },
      routes: [
        { name: 'measured', match: { path: '/measured' }, upstream: 'measured' },
        { name: 'measured-limit', match: { path: '/limited' }, policies: [{ 'rate-limit': { limit: 2, windowSeconds: 36_000, key: 'route' } }, { 'fixed-response': {} }] },
      ],
    })

    await t.test('requests are counted by route, method and status, and timed', async () => {
      for (let round = 0; round < requests; round++) for (const { url } of system.edges) await fetchOnce(`${url}/measured`)
      const total = requests * system.edges.length
      const count = async () => sum(await ofEdges(system), 'sluice_requests_total', { route: 'measured', method: 'GET', status: '200' })
      await waitUntil(async () => (await count()) === total, { what: `${total} requests to be counted` })
      const samples = await ofEdges(system)
      assert.equal(sum(samples, 'sluice_request_duration_seconds_count', { route: 'measured' }), total)
      assert.equal(sum(samples, 'sluice_request_duration_seconds_bucket', { route: 'measured', le: '+Inf' }), total)
      assert.equal(sum(samples, 'sluice_request_duration_seconds_bucket', { route: 'measured', le: '0.01' }), 0, 'the upstream takes 20 ms')
      assert.equal(sum(samples, 'sluice_upstream_duration_seconds_count', { upstream: 'measured' }), total)
      assert.ok(sum(samples, 'sluice_upstream_duration_seconds_sum', { upstream: 'measured' }) >= 0.018 * total)
      for (const phase of ['parser', 'policy-chain', 'total']) assert.ok(sum(samples, 'sluice_gateway_duration_seconds_count', { phase }) > 0, phase)
    })

    await t.test('refusals by a limit are counted', async () => {
      for (let round = 0; round < 5; round++) await fetchOnce(`${system.edges[0]!.url}/limited`)
      await waitUntil(async () => sum(await ofEdges(system), 'sluice_limit_refused_total', { route: 'measured-limit' }) === 3, { what: 'three refusals' })
    })

    await t.test('each edge tells its revision and its open connections', async () => {
      for (const edge of system.edges) {
        const samples = await readMetrics(edge.metricsUrl)
        assert.equal(sum(samples, 'sluice_config_revision'), revision)
        const before = sum(samples, 'sluice_connections_active')
        const agent = new Agent({ keepAlive: true })
        await fetchOnce(`${edge.url}/limited`, { agent })
        await waitUntil(async () => sum(await readMetrics(edge.metricsUrl), 'sluice_connections_active') === before + 1, { what: 'one more connection' })
        agent.destroy()
        await waitUntil(async () => sum(await readMetrics(edge.metricsUrl), 'sluice_connections_active') === before, { what: 'one connection less' })
      }
    })

    await t.test('health of endpoints is there, and each metric once', async () => {
      const { metricsUrl } = system.services.get('discovery') ?? system.edges[0]!
      assert.equal(sum(await readMetrics(metricsUrl), 'sluice_endpoint_healthy', { upstream: 'measured' }), 1)
      for (const url of new Set([...system.edges, ...system.services.values()].map((one) => one.metricsUrl))) {
        const { body } = await fetchOnce(`${url}/metrics`)
        const names = [...body.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name)
        assert.equal(new Set(names).size, names.length, url)
      }
    })
  },
}
