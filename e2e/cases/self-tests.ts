// A revision that its own self-tests refuse takes effect on no edge, and its author is told why
import assert from 'node:assert/strict'
import { fetchOnce } from '@sluice/testkit'
import type { Config } from '../modes/system.ts'
import type { Case } from './case.ts'

const selfTests = [{ name: 'guarded-needs-a-key', request: { url: 'https://any.example/guarded' }, expect: { route: 'guarded', status: 401 } }]
const guarded = (policies: object[]) => ({ routes: [{ name: 'guarded', match: { path: '/guarded' }, policies: [...policies, { 'fixed-response': { body: 'in' } }] }], selfTests }) as Config

interface Refusal {
  readonly edges: { readonly refused?: readonly { readonly edge: string; readonly pointer: string; readonly detail: string }[] }
}

export const selfTestsOfARevision: Case = {
  name: 'a revision that is not answered as its self-tests expect takes effect on no edge',
  async run(system, t) {
    await system.apply(guarded([{ 'key-auth': {} }]))
    const statuses = () => Promise.all(system.edges.map(async ({ url }) => (await fetchOnce(`${url}/guarded`)).status))

    await t.test('its author is told which request, what was expected and what came', async () => {
      const { status, body } = await system.admin('PUT', '/v1/routes/guarded?wait=all', { match: { path: '/guarded' }, policies: [{ 'fixed-response': { body: 'in' } }] })
      assert.equal(status, 202, body)
      const [refused] = (JSON.parse(body) as Refusal).edges.refused!
      assert.equal(refused!.pointer, '/selfTests/guarded-needs-a-key')
      assert.match(refused!.detail, /GET https:\/\/any\.example\/guarded.*expected status 401, got route "guarded": it is answered 200/)
      assert.deepEqual(await statuses(), system.edges.map(() => 401))
    })

    await t.test('the next one that keeps them is taken', async () => {
      await system.apply(guarded([{ 'key-auth': {} }, { cors: { origins: ['*'] } }]))
      assert.deepEqual(await statuses(), system.edges.map(() => 401))
    })
  },
}
