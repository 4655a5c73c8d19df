// RT6: weighted split between upstreams, sticky by hash and by cookie; mirroring that delays nobody
import assert from 'node:assert/strict'
import { answer, fetchOnce, neverAnswer, startUpstream, waitUntil } from '@sluice/testkit'
import type { System } from '../modes/system.ts'
import type { Case } from './case.ts'

async function bodiesOf(system: System, path: string, count: number, headersOf: (index: number) => Record<string, string> = () => ({})): Promise<string[]> {
  const bodies: string[] = []
  for (let index = 0; index < count; index++) bodies.push((await fetchOnce(system.edges[index % system.edges.length]!.url + path, { headers: headersOf(index) })).body)
  return bodies
}

const countOf = (bodies: readonly string[], wanted: string) => bodies.filter((body) => body === wanted).length

export const trafficSplit: Case = {
  name: 'traffic is split between upstreams, and copied to another one',
  async run(system, t) {
    const [stable, canary, shadow] = [await startUpstream(t, answer(200, 'stable')), await startUpstream(t, answer(200, 'canary')), await startUpstream(t, neverAnswer())]
    const guard = [{ 'fixed-response': { status: 200, body: 'from the canary\'s policy' } }]
    const split = (weight: number) => [{ upstream: 'stable', weight: 100 - weight }, { upstream: 'canary', weight }]
    const apply = (weight: number) =>
      system.apply({
        upstreams: {
          stable: { endpoints: [{ url: stable.url }] },
          canary: { endpoints: [{ url: canary.url }] },
          guarded: { endpoints: [{ url: canary.url }], policies: guard },
          shadow: { endpoints: [{ url: shadow.url }] },
        },
        routes: [
          { name: 'each', match: { path: '/each' }, split: split(weight) },
          { name: 'hashed', match: { path: '/hashed' }, split: split(weight), splitOn: 'header:x-user' },
          { name: 'sticky', match: { path: '/sticky' }, split: split(weight), splitOn: 'sticky-cookie' },
          { name: 'policies', match: { path: '/policies' }, split: [{ upstream: 'stable', weight: 1 }, { upstream: 'guarded', weight: 1 }] },
          { name: 'mirrored', match: { path: '/mirrored' }, upstream: 'stable', mirror: { upstream: 'shadow' } },
        ],
      })
    await apply(20)

    await t.test('each upstream takes its share', async () => {
      const bodies = await bodiesOf(system, '/each', 200)
      const taken = countOf(bodies, 'canary')
      assert.ok(taken >= 30 && taken <= 50, `${taken} of 200`)
      assert.equal(countOf(bodies, 'stable'), 200 - taken)
    })

    const users = Array.from({ length: 60 }, (_, index) => `user-${index}`)
    const wayOfUsers = () => bodiesOf(system, '/hashed', users.length, (index) => ({ 'x-user': users[index]! }))

    await t.test('the same user goes the same way on every edge, and stays on the canary when its share grows', async () => {
      const before = await wayOfUsers()
      assert.deepEqual(new Set(before), new Set(['stable', 'canary']))
      for (const edge of system.edges) assert.equal((await fetchOnce(`${edge.url}/hashed`, { headers: { 'x-user': users[0]! } })).body, before[0])
      await apply(60)
      const after = await wayOfUsers()
      for (const [index, way] of before.entries()) if (way === 'canary') assert.equal(after[index], 'canary')
      assert.ok(countOf(after, 'canary') > countOf(before, 'canary'))
    })

    await t.test('a cookie keeps a client on its way on every edge', async () => {
      for (let client = 0; client < 8; client++) {
        const first = await fetchOnce(`${system.edges[0]!.url}/sticky`)
        const cookie = [first.headers['set-cookie']].flat()[0]!.split(';')[0]!
        assert.match(cookie, /^sluice_split_sticky=\d+$/)
        for (const edge of system.edges) {
          const again = await fetchOnce(`${edge.url}/sticky`, { headers: { cookie } })
          assert.deepEqual([again.body, again.headers['set-cookie']], [first.body, undefined])
        }
      }
    })

    await t.test('the policies of an upstream hold for the part that goes there', async () => {
      assert.deepEqual(new Set(await bodiesOf(system, '/policies', 20)), new Set(['stable', 'from the canary\'s policy']))
    })

    await t.test('a shadow that never answers delays nobody and is told everything', async () => {
      const bodies = await bodiesOf(system, '/mirrored', 10)
      assert.equal(countOf(bodies, 'stable'), 10)
      await waitUntil(() => shadow.requests.length === 10)
      assert.equal(shadow.requests[0]!.url, '/mirrored')
    })

    await t.test('an upstream that a split or a mirror needs cannot be taken away', async () => {
      for (const name of ['canary', 'shadow']) {
        const { status, body } = await system.admin('DELETE', `/v1/upstreams/${name}`)
        assert.equal(status, 409, body)
      }
    })
  },
}
