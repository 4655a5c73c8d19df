// PX7 (restart of one worker), DI3 in part (a worker that is killed)
import assert from 'node:assert/strict'
import { answer, startUpstream, waitUntil } from '@sluice/testkit'
import { describeFailures, startTraffic } from '../actors/steady-traffic.ts'
import type { Edge } from '../modes/system.ts'
import type { Case } from './case.ts'

const workersPerEdge = 2

/** Ends one worker and resolves once another is there in its place. */
async function replaceWorker(edge: Edge, pid: number, signal: NodeJS.Signals): Promise<void> {
  const before = await edge.workerPids()
  process.kill(pid, signal)
  const isReplaced = async () => {
    const now = await edge.workerPids()
    return !now.includes(pid) && now.length === workersPerEdge && now.some((one) => !before.includes(one))
  }
  await waitUntil(isReplaced, { timeoutMs: 30_000, everyMs: 50, what: `another worker in the place of ${pid}` })
}

export const workerRestart: Case = {
  name: 'workers are replaced while they serve',
  async run(system, t) {
    const upstream = await startUpstream(t, answer(200, 'served'))
    await system.apply({ upstreams: { one: { endpoints: [{ url: upstream.url }] } }, routes: [{ name: 'served', match: { path: '/served' }, upstream: 'one' }] })

    await t.test('each worker of each edge is restarted in turn, and no request fails', async (inner) => {
      const traffic = startTraffic(inner, system.edges, { path: '/served' })
      await traffic.more(10)
      for (const edge of system.edges) {
        const pids = await edge.workerPids()
        assert.equal(pids.length, workersPerEdge)
        for (const pid of pids) await replaceWorker(edge, pid, 'SIGTERM')
      }
      await traffic.more(10)
      await traffic.stop()
      inner.diagnostic(`${traffic.outcomes.length} requests`)
      assert.equal(traffic.failures.length, 0, describeFailures(traffic.failures))
    })

    await t.test('a worker that is killed takes with it what it was doing; once another has its place nothing fails', async (inner) => {
      const edge = system.edges[0]!
      const traffic = startTraffic(inner, [edge], { path: '/served' })
      await traffic.more(10)
      const [pid = 0] = await edge.workerPids()
      await replaceWorker(edge, pid, 'SIGKILL')
      const replacedAt = performance.now()
      await traffic.more(10)
      await traffic.stop()
      const later = traffic.failures.filter((outcome) => outcome.startedAt > replacedAt)
      assert.equal(later.length, 0, describeFailures(later))
      const { body } = await system.admin('GET', '/v1/edges')
      assert.ok(JSON.parse(body).items.every((one: { state: string; workers: number }) => one.state === 'live' && one.workers === workersPerEdge), body)
    })
  },
}
