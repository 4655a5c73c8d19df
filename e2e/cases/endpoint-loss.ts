// PX6 in part (retries only when safe), SD4 in part, HC2 in part: an endpoint that dies under traffic
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { afterDelay, answer, startUpstream, waitUntil, type ScriptedUpstream } from '@sluice/testkit'
import { refusalOf } from '../actors/ask.ts'
import { describeFailures, startTraffic, type SteadyTraffic } from '../actors/steady-traffic.ts'
import type { System } from '../modes/system.ts'
import type { Case } from './case.ts'

/** Traffic of one method during which an endpoint dies; `diedAt` is when. */
async function killUnderTraffic(system: System, t: TestContext, method: string, dying: ScriptedUpstream): Promise<{ traffic: SteadyTraffic; diedAt: number }> {
  const traffic = startTraffic(t, system.edges, { path: '/pair', method })
  await waitUntil(() => ['first', 'second'].every((name) => traffic.outcomes.some(({ body }) => body === name)), { what: 'both endpoints to serve' })
  const diedAt = performance.now()
  await dying.kill()
  await traffic.more(20)
  return { traffic, diedAt }
}

export const endpointLoss: Case = {
  name: 'an endpoint that dies takes with it only what it was doing',
  async run(system, t) {
    const [first, second] = [await startUpstream(t, afterDelay(10, answer(200, 'first'))), await startUpstream(t, afterDelay(10, answer(200, 'second')))]
    await system.apply({
      upstreams: { pair: { endpoints: [{ url: first.url }, { url: second.url }] } },
      routes: [{ name: 'pair', match: { path: '/pair' }, upstream: 'pair' }],
    })

    await t.test('what can be repeated is sent elsewhere: no request fails, and the endpoint is used again once it is back', async (inner) => {
      const { traffic } = await killUnderTraffic(system, inner, 'GET', first)
      await first.start()
      const since = traffic.outcomes.length
      await waitUntil(() => traffic.outcomes.slice(since).some(({ body }) => body === 'first'), { timeoutMs: 15_000, what: 'the endpoint to be used again' })
      await traffic.stop()
      assert.equal(traffic.failures.length, 0, describeFailures(traffic.failures))
    })

    await t.test('what cannot be repeated may fail if it had been sent, nothing else does', async (inner) => {
      const { traffic, diedAt } = await killUnderTraffic(system, inner, 'POST', second)
      await traffic.stop()
      const later = traffic.failures.filter(({ startedAt }) => startedAt > diedAt)
      assert.equal(later.length, 0, describeFailures(later))
    })

    await t.test('when none is left the answer says so', async () => {
      await first.kill()
      const { status, reason } = await refusalOf(system, '/pair')
      assert.deepEqual([status, reason], [502, 'upstream.connect_refused'])
    })
  },
}
