// RT4 (consumer groups): routes that differ only in that are chosen from once it is known who is calling
import assert from 'node:assert/strict'
import { answer, echo, fetchOnce, startUpstream } from '@sluice/testkit'
import { ask, bodyOf, refusalOf } from '../actors/ask.ts'
import { makeConsumer, makeKeyOf, withKey } from '../actors/consumers.ts'
import type { Case } from './case.ts'

export const groupMatching: Case = {
  name: 'a route is chosen by the groups of its consumer',
  async run(system, t) {
    const [fast, slow, echoing] = [await startUpstream(t, answer(200, 'fast')), await startUpstream(t, answer(200, 'slow')), await startUpstream(t, echo())]
    const early = [{ cors: { origins: ['https://app.test'] } }, { 'key-auth': {} }]
    const open = [{ any: { methods: [{ 'key-auth': {} }], anonymous: 'group-guest' } }]
    const tagged = (plan: string) => ({ 'response-transform': { headers: { set: { 'x-route': plan } } } })
    await system.apply({
      upstreams: { fast: { endpoints: [{ url: fast.url }] }, slow: { endpoints: [{ url: slow.url }] }, echoing: { endpoints: [{ url: echoing.url }] } },
      groups: [{ name: 'gold', policies: [{ 'request-transform': { headers: { set: { 'x-plan': 'gold' } } } }] }, { name: 'silver' }],
      routes: [
        { name: 'gold', match: { path: '/plan', groups: ['gold', 'platinum'] }, upstream: 'fast', policies: [...early, tagged('gold')] },
        { name: 'rest', match: { path: '/plan' }, upstream: 'slow', policies: [...early, tagged('rest')] },
        { name: 'only-gold', match: { path: '/only/{what}', groups: ['gold'] }, upstream: 'echoing', rewrite: { path: '/for/{what}' }, policies: early },
        { name: 'below', match: { pathPrefix: '/only' }, upstream: 'slow' },
        { name: 'open-gold', match: { path: '/open', groups: ['gold'] }, upstream: 'fast', policies: open },
        { name: 'open-rest', match: { path: '/open' }, upstream: 'slow', policies: open },
      ],
    })
    await makeConsumer(system, 'group-gold', { groups: ['gold'] })
    await makeConsumer(system, 'group-plain', { groups: ['silver'] })
    const [gold, plain] = [withKey((await makeKeyOf(system, 'group-gold')).key), withKey((await makeKeyOf(system, 'group-plain')).key)]
    t.after(() => Promise.all(['group-gold', 'group-plain'].map((name) => system.admin('DELETE', `/v1/consumers/${name}`))).then(() => undefined))

    await t.test('each consumer takes the route for its groups, the others the one for everybody', async () => {
      for (const edge of system.edges) {
        const asGold = await fetchOnce(`${edge.url}/plan`, gold)
        assert.deepEqual([asGold.body, asGold.headers['x-route']], ['fast', 'gold'])
        const asPlain = await fetchOnce(`${edge.url}/plan`, plain)
        assert.deepEqual([asPlain.body, asPlain.headers['x-route']], ['slow', 'rest'])
      }
    })

    await t.test('who does not say who it is, is refused, with what stands before that', async () => {
      const refused = await ask(system, '/plan', { headers: { origin: 'https://app.test' } })
      assert.deepEqual([refused.status, refused.headers['access-control-allow-origin']], [401, 'https://app.test'])
      const preflight = await ask(system, '/plan', { method: 'OPTIONS', headers: { origin: 'https://app.test', 'access-control-request-method': 'GET' } })
      assert.equal(preflight.status, 204)
    })

    await t.test('without a route for everybody there is none for the others', async () => {
      const refused = await refusalOf(system, '/only/x', plain)
      assert.deepEqual([refused.status, refused.reason], [404, 'client.no_route'])
      const served = JSON.parse(await bodyOf(system, '/only/x', gold)) as { url: string; headers: Record<string, string> }
      assert.deepEqual([served.url, served.headers['x-plan']], ['/for/x', 'gold'])
    })

    await t.test('the anonymous consumer takes the route for everybody', async () => {
      assert.equal(await bodyOf(system, '/open'), 'slow')
      assert.equal(await bodyOf(system, '/open', gold), 'fast')
    })
  },
}
