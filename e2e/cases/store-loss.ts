// ST3: the store is destroyed and restored from backups; the edges have not noticed, and everything is what it was
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { startPostgres, waitUntil, type PostgresServer } from '@sluice/testkit'
import { bodyOf, named, refusalOf } from '../actors/ask.ts'
import { makeConsumer, makeKeyOf, withKey } from '../actors/consumers.ts'
import { describeFailures, startTraffic } from '../actors/steady-traffic.ts'
import { runSluice } from '../modes/sluice-process.ts'
import type { Case } from './case.ts'

const consumer = 'lost-acme'

export const storeLoss = (server: PostgresServer): Case => ({
  name: 'a store that is destroyed is restored from its backups: configuration, history, consumers and keys',
  modes: ['distributed'],
  async run(system, t) {
    await system.apply({ routes: [{ name: 'lost', match: { path: '/lost' }, policies: [{ 'key-auth': {} }, { 'fixed-response': { body: 'kept' } }] }] })
    await makeConsumer(system, consumer, { labels: { plan: 'gold' } })
    const [kept, revoked] = [await makeKeyOf(system, consumer), await makeKeyOf(system, consumer)]
    const folder = join(system.directory, 'backups')
    const backUp = async () => assert.equal((await system.cli(['backup', '--to', folder])).code, 0)
    await backUp()
    assert.equal((await system.admin('PUT', '/v1/routes/later?wait=all', named('later', { path: '/later' }))).status, 201)
    assert.equal((await system.admin('DELETE', `/v1/consumers/${consumer}/credentials/${revoked.id}?wait=all`)).status, 200)
    await backUp()
    assert.equal(readdirSync(folder).length, 2)
    const seen = () => Promise.all(['config', 'revisions?limit=500', 'consumers'].map(async (path) => (await system.admin('GET', `/v1/${path}`)).json<object>()))
    const before = await seen()
    const traffic = startTraffic(t, system.edges, { path: '/lost', ...withKey(kept.key) })
    await traffic.more(50)
    const owners = [system.services.get('control')!, system.services.get('auth')!]
    await Promise.all(owners.map((owner) => owner.kill('SIGKILL')))
    const { port } = server
    await server.stop()
    const empty = await startPostgres({ port })
    t.after(() => empty.stop())

    await t.test('nothing is restored into a store that somebody uses', async () => {
      await owners[0]!.start()
      const refused = await restore()
      assert.equal(refused.code, 1)
      assert.match(refused.stderr, /the store holds \d+ revisions? already; a backup is restored into an empty one/)
      await owners[0]!.kill('SIGKILL')
      await empty.stop()
      const again = await startPostgres({ port })
      t.after(() => again.stop())
    })

    await t.test('what is restored is what was', async () => {
      const { code, stdout, stderr } = await restore()
      assert.equal(code, 0, stderr)
      assert.match(stdout, /^revisions 1 to \d+ and \d+ consumers/)
      await Promise.all(owners.map((owner) => owner.start()))
      assert.deepEqual(await seen(), before)
      assert.equal(await bodyOf(system, '/lost', withKey(kept.key)), 'kept')
      assert.equal((await refusalOf(system, '/lost', withKey(revoked.key))).status, 401)
    })

    await t.test('the edges take the next change, and have failed no request', async () => {
      const isChanged = async () => (await system.admin('PUT', '/v1/routes/next?wait=all&timeoutMs=2000', named('next', { path: '/next' }))).status < 202
      await waitUntil(isChanged, { timeoutMs: 30_000, what: 'a change to be acknowledged' })
      assert.equal(await bodyOf(system, '/next'), 'next')
      await traffic.stop()
      assert.equal(traffic.failures.length, 0, describeFailures(traffic.failures))
    })

    function restore() {
      const env = { SLUICE_STORE: 'postgres', SLUICE_POSTGRES_URL: `postgres://sluice@127.0.0.1:${port}/postgres` }
      return runSluice(t, ['restore', '--from', folder], { cwd: system.directory, env })
    }
  },
})
