// SD1 over HTTP; expiry of the silent is shown by `registration-expiry.ts`
import assert from 'node:assert/strict'
import { answer, fetchOnce, startUpstream, waitUntil } from '@sluice/testkit'
import { bodyOf, refusalOf } from '../actors/ask.ts'
import type { System } from '../modes/system.ts'
import type { Case } from './case.ts'

export function register(system: System, service: string, id: string, port: number, facts: object = {}) {
  return system.admin('PUT', `/v1/endpoints/${service}/${id}`, { address: '127.0.0.1', port, ...facts })
}

/** More than enough for each worker to have had every endpoint's turn. */
const rounds = 12

/** Resolves once every edge's answers come from all of these and from no other. */
async function served(system: System, path: string, names: readonly string[], requests = rounds): Promise<void> {
  const isSo = async () => {
    const bodies = new Set<string>()
    for (let round = 0; round < requests; round++) bodies.add(await bodyOf(system, path))
    return bodies.size === names.length && names.every((name) => bodies.has(name))
  }
  await waitUntil(isSo, { timeoutMs: 10_000, what: `${names.join(' and ')} to serve ${path}` })
}

export const registration: Case = {
  name: 'instances register themselves',
  async run(system, t) {
    const [one, two, tagged] = [await startUpstream(t, answer(200, 'one')), await startUpstream(t, answer(200, 'two')), await startUpstream(t, answer(200, 'tagged'))]
    const discovery = { source: 'registration', service: 'enlisted' }
    await system.apply({
      upstreams: { all: { discovery }, chosen: { discovery: { ...discovery, tags: ['v2'], version: '2.1' } } },
      routes: [{ name: 'all', match: { path: '/all' }, upstream: 'all' }, { name: 'chosen', match: { path: '/chosen' }, upstream: 'chosen' }],
    })

    await t.test('before the first there is nobody to ask', async () => {
      assert.deepEqual([(await refusalOf(system, '/all')).status, (await refusalOf(system, '/all')).reason], [503, 'upstream.none_healthy'])
    })

    await t.test('an instance that registers is used on every edge, and one more as well', async () => {
      const made = await register(system, 'enlisted', 'one', one.port)
      assert.deepEqual([made.status, made.json()], [201, { heartbeatSeconds: 10 }], made.body)
      const isServing = async (url: string) => (await fetchOnce(`${url}/all`)).status === 200
      for (const edge of system.edges) await waitUntil(() => isServing(edge.url), { what: `${edge.name} to know it` })
      assert.equal((await register(system, 'enlisted', 'two', two.port)).status, 201)
      await served(system, '/all', ['one', 'two'])
      assert.equal((await register(system, 'enlisted', 'two', two.port)).status, 200, 'the second time it is a heartbeat')
    })

    await t.test('tags and version choose among them', async () => {
      assert.equal((await refusalOf(system, '/chosen')).status, 503)
      await register(system, 'enlisted', 'tagged', tagged.port, { tags: ['v2', 'canary'], version: '2.1', zone: 'a' })
      await served(system, '/all', ['one', 'two', 'tagged'])
      await served(system, '/chosen', ['tagged'])
      const { items } = (await system.admin('GET', '/v1/endpoints?upstream=chosen')).json<{ items: { id: string; version: string; tags: string[]; zone: string }[] }>()
      assert.deepEqual(items.map(({ id, version, tags, zone }) => [id, version, tags, zone]), [['tagged', '2.1', ['v2', 'canary'], 'a']])
    })

    await t.test('one that deregisters is asked no more', async () => {
      assert.equal((await system.admin('DELETE', '/v1/endpoints/enlisted/two')).status, 204)
      // It joined a moment ago and has only a small share yet: that a few requests went elsewhere would say nothing.
      await served(system, '/all', ['one', 'tagged'], 6 * rounds)
      const asked = two.requests.length
      for (let round = 0; round < 6 * rounds; round++) await bodyOf(system, '/all')
      assert.equal(two.requests.length, asked)
      assert.equal((await system.admin('DELETE', '/v1/endpoints/enlisted/two')).status, 404)
    })

    await t.test('a registration that makes no sense is refused', async () => {
      for (const facts of [{ port: 0 }, { port: 'x' }, { address: 'a b' }, { healthUrl: 'http://169.254.169.254/latest' }]) {
        const { status, body } = await register(system, 'enlisted', 'bad', one.port, facts)
        assert.equal(status, 400, body)
      }
    })

    await t.test('one that is never heard of again is left to its silence', async () => {
      assert.equal((await register(system, 'silent', 'mute', one.port)).status, 201)
    })
  },
}
