// RL7: plans as a resource, consumers that subscribe to them, and what each then may
import assert from 'node:assert/strict'
import { fetchOnce, waitUntil } from '@sluice/testkit'
import { ask, refusalOf } from '../actors/ask.ts'
import { makeConsumer, makeKeyOf, withKey } from '../actors/consumers.ts'
import { admittedOf, burst, counting } from '../actors/limited-requests.ts'
import type { System } from '../modes/system.ts'
import type { Case } from './case.ts'

const free = { title: 'Free', routes: ['plan-basic'], limit: { limit: 100, windowSeconds: 3600 }, quota: { limit: 5, period: 'month' }, price: { amount: '0', currency: 'EUR', per: 'month' } }
const gold = { title: 'Gold', limit: { limit: 6, windowSeconds: 3600, mode: 'exact' }, quota: { limit: 1000, period: 'month' }, price: { amount: '49.00', currency: 'EUR', per: 'month' } }

async function put(system: System, path: string, body: object): Promise<void> {
  const answer = await system.admin('PUT', `${path}?wait=all`, body)
  assert.ok(answer.status === 200 || answer.status === 201, answer.body)
}

async function subscribed(system: System, name: string, plan: string): Promise<ReturnType<typeof withKey>> {
  await makeConsumer(system, name, { plan })
  return withKey((await makeKeyOf(system, name)).key)
}

export const plans: Case = {
  name: 'consumers subscribe to plans, each with its routes, its limit, its quota and its price',
  async run(system, t) {
    const policies = [{ 'key-auth': {} }, { 'fixed-response': { body: 'admitted' } }]
    await system.apply({ routes: [{ name: 'plan-basic', match: { path: '/plan/basic' }, policies }, { name: 'plan-extra', match: { path: '/plan/extra' }, policies }] })
    const subscribers = new Set<string>()
    const subscribe = (name: string, plan: string) => (subscribers.add(name), subscribed(system, name, plan))

    await t.test('a plan is made, read with its price, and refused when it is wrong', async () => {
      await put(system, '/v1/plans/free', free)
      await put(system, '/v1/plans/gold', gold)
      assert.deepEqual(JSON.parse((await system.admin('GET', '/v1/plans/gold')).body), { name: 'gold', ...gold })
      const wrong = await system.admin('PUT', '/v1/plans/wrong', { routes: ['plan-basics'], price: { ...gold.price, currency: 'XYZ' } })
      assert.equal(wrong.status, 400)
      assert.match(wrong.body, /there is no currency \\"XYZ\\"/)
      const unknown = await system.admin('PUT', '/v1/plans/wrong', { routes: ['plan-basics'] })
      assert.match(unknown.body, /there is no route \\"plan-basics\\"/)
      assert.match((await system.admin('PUT', '/v1/consumers/lost', { plan: 'fre' })).body, /there is no plan \\"fre\\"; did you mean \\"free\\"/)
    })

    await t.test('each subscriber has the limit and the quota of its plan, and is told at 80 and at 100 %', async () => {
      await counting(system, async (attempt) => {
        const inFree = await subscribe(`trial${attempt}`, 'free')
        const answers = []
        for (let request = 0; request < 6; request++) answers.push(await fetchOnce(`${system.edges[request % system.edges.length]!.url}/plan/basic`, inFree))
        assert.deepEqual(answers.map(({ status }) => status), [200, 200, 200, 200, 200, 429])
        const at80 = '"plan-quota";percent=80'
        const at100 = '"plan-quota";percent=100'
        assert.deepEqual(answers.map(({ headers }) => headers['x-quota-reached']), [undefined, undefined, undefined, at80, at100, at100])
        const events = async () => (JSON.parse((await system.admin('GET', `/v1/events?consumer=trial${attempt}`)).body) as { items: Record<string, unknown>[] }).items
        await waitUntil(async () => (await events()).length >= 2, { what: 'both thresholds to be told' })
        const told = (await events()).toSorted((one, other) => Number(one['percent']) - Number(other['percent']))
        assert.deepEqual(told.map(({ kind, at, name, percent, limit, period }) => [kind, at, name, percent, limit, period]), [80, 100].map((percent) => ['quota-reached', 'plan:free', 'plan-quota', percent, 5, 'month']))
        assert.match(String(answers[0]!.headers['ratelimit-policy']), /"plan-limit";q=100;w=3600, "plan-quota";q=5;/)
        const inGold = await subscribe(`buyer${attempt}`, 'gold')
        assert.equal(admittedOf(await burst(system, '/plan/basic', 9, inGold.headers)).length, 6)
        assert.equal((await refusalOf(system, '/plan/basic', inGold)).reason, 'policy.limit_exceeded')
      })
    })

    await t.test('what a plan does not have is refused as that, and had with another plan at once', async () => {
      const key = await subscribe('mover', 'free')
      const { status, reason } = await refusalOf(system, '/plan/extra', key)
      assert.deepEqual([status, reason], [403, 'policy.forbidden'])
      await makeConsumer(system, 'mover', { plan: 'gold' })
      assert.equal((await ask(system, '/plan/extra', key)).status, 200)
    })

    await t.test('a plan that is changed holds from then on, and what was used stays used', async () => {
      const key = await subscribe('grower', 'free')
      await counting(system, async () => void (await burst(system, '/plan/basic', 10, key.headers)))
      assert.equal((await refusalOf(system, '/plan/basic', key)).reason, 'policy.quota_spent')
      await put(system, '/v1/plans/free', { ...free, quota: { limit: 1000, period: 'month' } })
      assert.equal((await ask(system, '/plan/basic', key)).status, 200)
      const { items } = JSON.parse((await system.admin('GET', '/v1/consumers/grower/quotas')).body) as { items: { at: string; name: string; used: number; limit: number }[] }
      assert.deepEqual(items.map(({ at, name, limit }) => [at, name, limit]), [['plan:free', 'plan-quota', 1000]])
      assert.ok(items[0]!.used > 5, JSON.stringify(items))
    })

    await t.test('a plan that consumers subscribe to stays, and so does a route that a plan names', async () => {
      const kept = await system.admin('DELETE', '/v1/plans/free')
      assert.deepEqual([kept.status, (JSON.parse(kept.body) as { usedBy: string[] }).usedBy.includes('consumers/grower')], [409, true])
      assert.deepEqual((JSON.parse((await system.admin('DELETE', '/v1/routes/plan-basic')).body) as { usedBy: string[] }).usedBy, ['plans/free'])
      for (const name of subscribers) await makeConsumer(system, name)
      for (const plan of ['free', 'gold']) assert.equal((await system.admin('DELETE', `/v1/plans/${plan}?wait=all`)).status, 200)
    })
  },
}
