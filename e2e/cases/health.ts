// HC3
import assert from 'node:assert/strict'
import { fetchOnce } from '@sluice/testkit'
import type { Case } from './case.ts'

export const health: Case = {
  name: 'every service tells that it lives and whether it can work',
  async run(system, t) {
    await t.test('healthz and readyz of each', async () => {
      const processes = [...system.services.values(), ...system.edges.map((edge) => edge.process)]
      assert.equal(processes.length, system.mode === 'embedded' ? 1 : 7)
      for (const { name, metricsUrl } of processes) {
        const [alive, ready] = [await fetchOnce(`${metricsUrl}/healthz`), await fetchOnce(`${metricsUrl}/readyz`)]
        assert.deepEqual([alive.status, alive.json()], [200, { status: 'alive' }], name)
        assert.deepEqual([ready.status, ready.json()], [200, { status: 'ready', reasons: [] }], name)
      }
    })

    await t.test('the health path of a listener answers before any route, and stands in no log', async () => {
      for (const edge of system.edges) {
        const { status, body } = await fetchOnce(`${edge.url}/edge-health`)
        assert.deepEqual([status, body], [200, '{"status":"serving"}\n'])
        assert.ok((await edge.accessLog()).every((line) => line.path !== '/edge-health'))
      }
    })
  },
}
