// AU3
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { echo, fetchOnce, startUpstream, waitUntil } from '@sluice/testkit'
import { ask, echoOf, refusalOf } from '../actors/ask.ts'
import { makeConsumer, makeKeyOf, withKey } from '../actors/consumers.ts'
import type { System } from '../modes/system.ts'
import type { Case } from './case.ts'

/** What a revocation may take until the last edge refuses the key, from the moment it is asked for. */
const withinMs = 1000

/** Every file that the processes keep, as one text. */
async function everythingOnDisk(directory: string): Promise<string> {
  const names = await readdir(directory, { recursive: true, withFileTypes: true })
  const files = names.filter((entry) => entry.isFile()).map((entry) => readFile(join(entry.parentPath, entry.name), 'latin1').catch(() => ''))
  return (await Promise.all(files)).join('\n')
}

/**
 * Revokes and returns, for each edge, the ms until it refused the key. Once the revocation is acknowledged nobody lets the
 * key in any more, however long that took.
 */
async function revoke(system: System, consumer: string, { id, key }: { id: string; key: string }, path: string): Promise<number[]> {
  const asked = performance.now()
  const untilRefused = async (url: string) => {
    await waitUntil(async () => (await fetchOnce(url + path, withKey(key))).status === 401, { everyMs: 1, what: `${url} to refuse the key` })
    return performance.now() - asked
  }
  const [answer, ...times] = await Promise.all([system.admin('DELETE', `/v1/consumers/${consumer}/credentials/${id}?wait=all`), ...system.edges.map((edge) => untilRefused(edge.url))])
  assert.equal(answer.status, 200, answer.body)
  for (const { url } of system.edges) for (let again = 0; again < 4; again++) assert.equal((await fetchOnce(url + path, withKey(key))).status, 401)
  return times
}

export const apiKeys: Case = {
  name: 'an API key says who is calling',
  async run(system, t) {
    const upstream = await startUpstream(t, echo())
    const route = (name: string, settings: object) => ({ name, match: { path: `/${name}` }, upstream: 'echo', policies: [{ 'key-auth': settings }] })
    await system.apply({
      upstreams: { echo: { endpoints: [{ url: upstream.url }] } },
      routes: [route('keyed', {}), route('elsewhere', { header: 'x-token', query: 'api_key', cookie: 'key', hideCredential: false })],
    })
    await makeConsumer(system, 'keyed-acme')

    await t.test('it is shown once, kept as an Argon2id hash only, and opens the route on every edge', async () => {
      const made = await makeKeyOf(system, 'keyed-acme')
      assert.match(made.key, /^sk_[a-z0-9]+_[A-Za-z0-9_-]{43,}$/, 'an id and 256 bits')
      const { headers } = await echoOf(system, '/keyed', withKey(made.key))
      assert.deepEqual([headers['x-consumer-name'], headers['x-credential-id'], headers['x-api-key']], ['keyed-acme', made.id, undefined])
      const shown = (await system.admin('GET', '/v1/consumers/keyed-acme')).body
      assert.match(shown, new RegExp(`"id":"${made.id}","hash":"\\$argon2id\\$`))
      for (const text of [shown, (await system.admin('GET', '/v1/config')).body, await everythingOnDisk(system.directory)]) assert.ok(!text.includes(made.secret))
    })

    await t.test('a wrong key gets one answer, whatever is wrong with it', async () => {
      const { id, key } = await makeKeyOf(system, 'keyed-acme')
      const wrong = [`${key}x`, key.slice(0, -1), `sk_${id}_${randomBytes(32).toString('base64url')}`, `sk_nobody_${randomBytes(32).toString('base64url')}`, 'nonsense', id]
      const bodies = new Set<string>()
      for (const one of wrong) {
        const { status, answer } = await refusalOf(system, '/keyed', withKey(one))
        assert.equal(status, 401, one)
        assert.equal(answer.headers['www-authenticate'], 'ApiKey realm="sluice"')
        bodies.add(answer.body.replace(/"request_id":"[^"]*"/, ''))
      }
      assert.equal(bodies.size, 1)
      assert.equal((await refusalOf(system, '/keyed')).status, 401)
    })

    await t.test('it may stand in another field, in the query or in a cookie where that is configured', async () => {
      const { key } = await makeKeyOf(system, 'keyed-acme')
      const places = [{ target: '/elsewhere', headers: { 'x-token': key } }, { target: `/elsewhere?api_key=${key}`, headers: {} }, { target: '/elsewhere', headers: { cookie: `a=b; key=${key}` } }]
      for (const { target, headers } of places) assert.equal((await ask(system, target, { headers })).status, 200, target)
      assert.equal((await refusalOf(system, '/elsewhere', withKey(key))).status, 401)
      assert.equal((await refusalOf(system, `/keyed?api_key=${key}`)).status, 401)
    })

    await t.test('two keys are good at once, so that one can be replaced by the other; a revoked one is refused on every edge within a second', async (inner) => {
      const next = await makeKeyOf(system, 'keyed-acme')
      const slowest: number[] = []
      // The fastest of three: the time is that of the gateway, not of a machine that has other things to do.
      for (let round = 0; round < 3; round++) {
        const old = await makeKeyOf(system, 'keyed-acme')
        for (const { key } of [old, next]) assert.equal((await ask(system, '/keyed', withKey(key))).status, 200)
        slowest.push(Math.max(...(await revoke(system, 'keyed-acme', old, '/keyed'))))
        assert.equal((await ask(system, '/keyed', withKey(next.key))).status, 200)
        assert.equal((await system.admin('DELETE', `/v1/consumers/keyed-acme/credentials/${old.id}`)).status, 404)
      }
      inner.diagnostic(`refused on the last edge after ${slowest.map((ms) => `${Math.round(ms)} ms`).join(', ')}`)
      assert.ok(Math.min(...slowest) < withinMs)
    })

    await t.test('a key that has expired is refused, though it was good a moment ago', async () => {
      const expiresAt = Date.now() + 2500
      const { key } = await makeKeyOf(system, 'keyed-acme', { expiresAt: new Date(expiresAt).toISOString() })
      assert.equal((await ask(system, '/keyed', withKey(key))).status, 200)
      for (const edge of system.edges) await waitUntil(async () => (await fetchOnce(`${edge.url}/keyed`, withKey(key))).status === 401, { what: 'the key to expire' })
      assert.ok(Date.now() >= expiresAt, 'not before its time')
      const late = await system.admin('POST', '/v1/consumers/keyed-acme/credentials', { apiKey: { expiresAt: '2020-01-01T00:00:00Z' } })
      assert.equal(late.status, 400, late.body)
    })

    await t.test('a key whose hash stands in the configuration is good', async () => {
      const secret = randomBytes(32).toString('base64url')
      system.secrets.add(secret)
      const { stdout } = await system.cli(['keys', 'hash'], { input: secret })
      const written = await system.admin('PUT', '/v1/consumers/keyed-file?wait=all', { credentials: [{ apiKey: { id: 'fromfile', hash: stdout.trim() } }] })
      assert.equal(written.status, 201, written.body)
      assert.equal((await echoOf(system, '/keyed', withKey(`sk_fromfile_${secret}`))).headers['x-consumer-name'], 'keyed-file')
    })

    await t.test('a consumer that is deleted takes its keys with it', async () => {
      await makeConsumer(system, 'keyed-brief')
      const { key } = await makeKeyOf(system, 'keyed-brief')
      assert.equal((await ask(system, '/keyed', withKey(key))).status, 200)
      assert.equal((await system.admin('DELETE', '/v1/consumers/keyed-brief?wait=all')).status, 200)
      assert.equal((await refusalOf(system, '/keyed', withKey(key))).status, 401)
    })
  },
}
