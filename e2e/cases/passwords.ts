// AU5 (HTTP Basic with Argon2id), AU8 (one answer for a wrong name and a wrong password)
import assert from 'node:assert/strict'
import { echo, fetchOnce, startUpstream, waitUntil } from '@sluice/testkit'
import { ask, echoOf, refusalOf } from '../actors/ask.ts'
import { makeConsumer } from '../actors/consumers.ts'
import type { Case } from './case.ts'

const basic = (username: string, password: string) => ({ headers: { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` } })

export const passwords: Case = {
  name: 'a user name and password say who is calling',
  async run(system, t) {
    const upstream = await startUpstream(t, echo())
    const route = (name: string, settings: object) => ({ name, match: { path: `/${name}` }, upstream: 'echo', policies: [{ 'basic-auth': settings }] })
    await system.apply({
      upstreams: { echo: { endpoints: [{ url: upstream.url }] } },
      routes: [route('office', { realm: 'back office' }), route('office-passed-on', { hideCredential: false })],
    })
    const hashOf = async (password: string) => {
      system.secrets.add(password)
      return (await system.cli(['keys', 'hash'], { input: password })).stdout.trim()
    }
    const password = 'correct: horse £ battery'
    await makeConsumer(system, 'office-acme', { credentials: [{ basic: { username: 'acme', passwordHash: await hashOf(password) } }] })

    await t.test('the right pair is the consumer on every edge, and does not reach the upstream', async () => {
      const { headers } = await echoOf(system, '/office', basic('acme', password))
      assert.deepEqual([headers['x-consumer-name'], headers['authorization']], ['office-acme', undefined])
      assert.match(headers['x-credential-id'] ?? '', /^usr/)
      assert.equal((await echoOf(system, '/office-passed-on', basic('acme', password))).headers['authorization'], basic('acme', password).headers.authorization)
    })

    await t.test('anything else is 401 with a challenge, the same for each', async () => {
      const bodies = new Set<string>()
      for (const wrong of [basic('acme', `${password} `), basic('nobody', password), basic('acme', ''), { headers: { authorization: 'Basic nonsense' } }, { headers: { authorization: 'Bearer x' } }, {}]) {
        const { status, answer } = await refusalOf(system, '/office', wrong)
        assert.deepEqual([status, answer.headers['www-authenticate']], [401, 'Basic realm="back office", charset="UTF-8"'])
        bodies.add(answer.body.replace(/"request_id":"[^"]*"/, ''))
      }
      assert.equal(bodies.size, 1)
    })

    await t.test('a password that is changed is good from then on, the old one no more', async () => {
      const next = 'another horse'
      await makeConsumer(system, 'office-acme', { credentials: [{ basic: { username: 'acme', passwordHash: await hashOf(next) } }] })
      assert.equal((await ask(system, '/office', basic('acme', next))).status, 200)
      assert.equal((await refusalOf(system, '/office', basic('acme', password))).status, 401)
      assert.equal((await system.admin('DELETE', '/v1/consumers/office-acme?wait=all')).status, 200)
      for (const edge of system.edges) await waitUntil(async () => (await fetchOnce(`${edge.url}/office`, basic('acme', next))).status === 401, { what: `${edge.name} to refuse the password` })
    })
  },
}
