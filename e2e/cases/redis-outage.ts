// RL5 (loss of Redis degrades as the policy says, visible in metrics), DI3 (Redis away and back)
import assert from 'node:assert/strict'
import { fetchOnce, waitUntil, type FetchedResponse } from '@sluice/testkit'
import { ask, refusalOf } from '../actors/ask.ts'
import { readMetrics, sum } from '../actors/metrics.ts'
import type { Edge } from '../modes/system.ts'
import type { Case } from './case.ts'

const limit = 20
const workersPerEdge = 2

export const redisOutage: Case = {
  name: 'without Redis limits hold as the policy says',
  modes: ['distributed'],
  async run(system, t) {
    const { redis } = system.servers!
    const limited = (failure: string) => ({ name: `failing-${failure}`, match: { path: `/failing-${failure}` }, policies: [{ 'rate-limit': { limit, windowSeconds: 36_000, key: 'route', failure } }, { 'fixed-response': {} }] })
    await system.apply({ routes: ['local', 'open', 'closed'].map(limited) })
    for (const failure of ['local', 'open', 'closed']) assert.equal((await ask(system, `/failing-${failure}`)).status, 200)
    // An edge hears within ten seconds of others that have come or gone.
    const inAll = workersPerEdge * system.edges.length
    for (const edge of system.edges) await waitUntil(async () => sum(await readMetrics(edge.metricsUrl), 'sluice_limit_sharers', { scope: 'dc' }) === inAll, { timeoutMs: 25_000, everyMs: 100, what: `${edge.name} to know of ${inAll} workers` })
    t.after(() => redis.revive())
    await redis.kill()
    const many = async (edge: Edge, path: string): Promise<FetchedResponse[]> => {
      const answers: FetchedResponse[] = []
      for (let index = 0; index < 3 * limit; index++) answers.push(await fetchOnce(edge.url + path))
      return answers
    }

    await t.test('open admits, closed answers 503 with the reason, local lets each worker of all edges admit its part', async () => {
      let admittedInAll = 0
      for (const edge of system.edges) {
        assert.ok((await many(edge, '/failing-open')).every(({ status }) => status === 200))
        const admitted = (await many(edge, '/failing-local')).filter(({ status }) => status === 200).length
        const part = limit / inAll
        assert.ok(admitted >= part && admitted <= workersPerEdge * part, `${admitted} of ${limit} on ${edge.name}`)
        admittedInAll += admitted
      }
      assert.ok(admittedInAll <= limit, `${admittedInAll} of ${limit} on all edges`)
      const { status, reason, answer } = await refusalOf(system, '/failing-closed')
      assert.deepEqual([status, reason], [503, 'dependency.counters_unreachable'])
      assert.ok(answer.headers['retry-after'])
    })

    await t.test('it is seen in the metrics, and no request waits for it', async () => {
      for (const edge of system.edges) {
        const samples = await readMetrics(edge.metricsUrl)
        for (const decision of ['open', 'closed', 'local']) assert.ok(sum(samples, 'sluice_limit_degraded_total', { decision }) > 0, decision)
        assert.equal((await fetchOnce(`${edge.metricsUrl}/readyz`)).status, 200, 'an edge is ready without Redis')
      }
      const { metricsUrl } = system.services.get('ratelimit')!
      const notReady = await waitUntil(async () => {
        const readiness = await fetchOnce(`${metricsUrl}/readyz`)
        return readiness.status === 503 ? readiness : undefined
      }, { timeoutMs: 15_000, what: 'ratelimit not to be ready' })
      assert.match(notReady.body, /"reasons":\["[^"]+"/)
    })

    await t.test('once it is back all count together again', async () => {
      await redis.restart()
      for (const edge of system.edges) await waitUntil(async () => (await fetchOnce(`${edge.url}/failing-closed`)).status !== 503, { timeoutMs: 20_000, everyMs: 50, what: `${edge.name} to count in Redis again` })
      const statuses: number[] = []
      for (let index = 0; index < 2 * limit; index++) statuses.push((await fetchOnce(`${system.edges[index % 2]!.url}/failing-closed`)).status)
      const admitted = statuses.filter((status) => status === 200).length
      assert.ok(admitted < limit, `${admitted} more of a limit of ${limit} on both edges together`)
      assert.equal(statuses.at(-1), 429)
      await waitUntil(async () => (await fetchOnce(`${system.services.get('ratelimit')!.metricsUrl}/readyz`)).status === 200, { timeoutMs: 15_000, what: 'ratelimit to be ready' })
    })
  },
}
