// ST1 in part and AD3: what was answered as written is there after a crash; SE5 in part: an admin token that is set is the one that counts
import assert from 'node:assert/strict'
import { bodyOf, named, refusalOf } from '../actors/ask.ts'
import { makeConsumer, makeKeyOf, withKey } from '../actors/consumers.ts'
import type { Case } from './case.ts'

export const durability: Case = {
  name: 'what was written is there after a crash',
  async run(system, t) {
    await system.apply({ routes: [{ name: 'guarded', match: { path: '/guarded' }, policies: [{ 'key-auth': {} }, { 'fixed-response': { body: 'let in' } }] }] })
    await makeConsumer(system, 'lasting-acme', { labels: { plan: 'gold' } })
    const [kept, revoked] = [await makeKeyOf(system, 'lasting-acme'), await makeKeyOf(system, 'lasting-acme')]
    assert.equal((await system.admin('PUT', '/v1/routes/by-api?wait=all', named('by-api', { path: '/by-api' }))).status, 201)
    const seen = async () => {
      const [config, revisions, audit] = await Promise.all(['config', 'revisions', 'audit?limit=20'].map(async (path) => (await system.admin('GET', `/v1/${path}`)).json<{ items: { revision: number }[] }>()))
      return { config, revisions, audit }
    }
    assert.equal((await system.admin('DELETE', `/v1/consumers/lasting-acme/credentials/${revoked.id}?wait=all`)).status, 200)
    const before = await seen()
    const stores = system.mode === 'embedded' ? [system.edges[0]!.process] : [system.services.get('control')!, system.services.get('auth')!]
    await Promise.all(stores.map((process) => process.kill('SIGKILL')))
    await Promise.all(stores.map((process) => process.start()))

    await t.test('the configuration, its history and the audit log are what they were', async () => {
      assert.deepEqual(await seen(), before, 'no revision more, none less, and an unchanged file undoes nothing')
    })

    await t.test('routes, keys and revocations hold', async () => {
      assert.equal(await bodyOf(system, '/by-api'), 'by-api')
      assert.equal(await bodyOf(system, '/guarded', withKey(kept.key)), 'let in')
      assert.equal((await refusalOf(system, '/guarded', withKey(revoked.key))).status, 401)
    })

    await t.test('the next change is the next revision', async () => {
      const { items } = before.revisions!
      const { revision } = await system.apply({ routes: [named('next', { path: '/next' })] })
      assert.equal(revision, items[0]!.revision + 1)
      assert.equal(await bodyOf(system, '/next'), 'next')
    })
  },
}
