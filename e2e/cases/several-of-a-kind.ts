// DI1: auth and ratelimit run twice; the first of each is killed, and what is asked of them is answered all the same
import assert from 'node:assert/strict'
import { waitUntil } from '@sluice/testkit'
import { bodyOf, refusalOf } from '../actors/ask.ts'
import { makeConsumer, makeKeyOf, withKey } from '../actors/consumers.ts'
import type { Case } from './case.ts'

const consumer = 'several-acme'
const limit = 50

export const severalOfAKind: Case = {
  name: 'with two of auth and of ratelimit one of each may be killed: keys are made, taken and revoked, limits are shown',
  modes: ['distributed'],
  async run(system, t) {
    await Promise.all([system.launchService!(t, 'auth'), system.launchService!(t, 'ratelimit')])
    const policies = [{ 'key-auth': {} }, { 'fixed-response': { body: 'several' } }]
    await system.apply({ routes: [{ name: 'several', match: { path: '/several' }, policies }] })
    await makeConsumer(system, consumer)
    const [kept, revoked] = [await makeKeyOf(system, consumer), await makeKeyOf(system, consumer)]
    for (const { key } of [kept, revoked]) assert.equal(await bodyOf(system, '/several', withKey(key)), 'several')
    for (const name of ['auth', 'ratelimit']) {
      const process = system.services.get(name)!
      await process.kill('SIGKILL')
      t.after(() => process.start())
    }
    assert.equal(await bodyOf(system, '/several', withKey((await makeKeyOf(system, consumer)).key)), 'several')
    assert.equal((await system.admin('DELETE', `/v1/consumers/${consumer}/credentials/${revoked.id}?wait=all`)).status, 200)
    await waitUntil(async () => (await refusalOf(system, '/several', withKey(revoked.key)).catch(() => undefined))?.status === 401, { timeoutMs: 10_000, what: 'the revoked key to be refused on every edge' })
    const { status, body } = await system.admin('POST', '/v1/limits/peek', { key: 'nobody-took-from-it', limit })
    assert.equal(status, 200, body)
    assert.equal(JSON.parse(body).remaining, limit)
  },
}
