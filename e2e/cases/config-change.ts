// DI2 (a change reaches every worker of every edge, each acknowledges), AD3 (receipts), PX7 (no request fails during a change)
import assert from 'node:assert/strict'
import { describeFailures, startTraffic } from '../actors/steady-traffic.ts'
import type { Case } from './case.ts'

const changes = 20

export const configChange: Case = {
  name: 'once a change is acknowledged nobody sees the old behaviour any more',
  async run(system, t) {
    const version = (number: number) => ({ routes: [{ name: 'versioned', match: { path: '/versioned' }, policies: [{ 'fixed-response': { body: String(number) } }] }] })
    await system.apply(version(0))
    const traffic = startTraffic(t, system.edges, { path: '/versioned' })
    await traffic.more(10)
    const acknowledgedAt: number[] = []
    const propagation: number[] = []
    for (let number = 1; number <= changes; number++) {
      const { propagationMs = Number.NaN } = await system.apply(version(number))
      acknowledgedAt[number] = performance.now()
      propagation.push(propagationMs)
      await traffic.more(2)
    }
    await traffic.stop()
    t.diagnostic(`${traffic.outcomes.length} requests; propagation ${propagation.join(', ')} ms`)
    assert.equal(traffic.failures.length, 0, describeFailures(traffic.failures))
    for (const { edge, startedAt, body } of traffic.outcomes) {
      const due = acknowledgedAt.findLastIndex((at) => at <= startedAt)
      assert.ok(Number(body) >= due, `${edge} answered by change ${body} after change ${due} had been acknowledged`)
    }
    for (const { name } of system.edges) assert.ok(traffic.outcomes.some(({ edge, body }) => edge === name && Number(body) === changes), `${name} was asked after the last change`)
  },
}
