import assert from 'node:assert/strict'
import { after, before, suite, test, type TestContext } from 'node:test'
import { fetchOnce, missingServer, startEtcd, waitUntil, type EtcdServer } from '@sluice/testkit'
import { discoverySourceContract, follow, RecordedStatus, waitForEndpoints } from '../discovery-source.contract.ts'
import { createSource } from './etcd.ts'
import { schema } from './schema.ts'

const skip = missingServer('etcd')
let server: EtcdServer
let services = 0

/** Of a service of its own, whose keys begin with `/services/<name>/`. */
async function started(t: TestContext, settings: object = {}, to = server) {
  const service = `users-${++services}`
  const status = new RecordedStatus()
  const source = createSource(schema.settings.parse({ urls: [to.url], service, ...settings }), { status })
  return { service, status, source, open: () => follow(source, t) }
}

const base64 = (text: string) => Buffer.from(text).toString('base64')

async function ask(path: string, body: object, to = server): Promise<{ header?: { revision: string } }> {
  const answer = await fetchOnce(to.url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) })
  assert.equal(answer.status, 200, answer.body)
  return answer.json()
}

const put = (service: string, id: string, value: object | string = { address: '127.0.0.1', port: 9001 }, to = server) =>
  ask('/v3/kv/put', { key: base64(`/services/${service}/${id}`), value: base64(typeof value === 'string' ? value : JSON.stringify(value)) }, to)
const remove = (service: string, id: string) => ask('/v3/kv/deleterange', { key: base64(`/services/${service}/${id}`) })

suite('etcd', { skip }, () => {
  before(async () => {
    server = await startEtcd()
  })
  after(() => server.stop())

  discoverySourceContract('etcd', async (ids, t) => {
    const { service, source } = await started(t)
    const valueOf = (id: string) => ({ address: '127.0.0.1', port: 9000 + id.charCodeAt(0) })
    for (const id of ids) await put(service, id, valueOf(id))
    const change = async (list: readonly string[]) => {
      for (const id of ['a', 'b', 'c']) await (list.includes(id) ? put(service, id, valueOf(id)) : remove(service, id))
    }
    return { source, change }
  })

  test('a key that is put, changed and deleted is an endpoint that comes, changes and goes', async (t) => {
    const { service, open } = await started(t)
    await put(`${service}-other`, 'x')
    const told = open()
    await waitForEndpoints(told, [])
    await put(service, 'a', { address: '10.0.0.1', port: 80, weight: 3, zone: 'z1', priority: 1, tags: ['v2'], version: '2', datacenter: 'd1' })
    await waitForEndpoints(told, ['a'])
    assert.partialDeepStrictEqual(told.at(-1), [{ url: 'http://10.0.0.1:80', weight: 3, zone: 'z1', priority: 1, tags: ['v2'], version: '2', datacenter: 'd1' }])
    await put(service, 'a', { address: '10.0.0.2', port: 80 })
    await waitForEndpoints(told, ['http://10.0.0.2:80'], 'url')
    await remove(service, 'a')
    await waitForEndpoints(told, [])
  })

  test('a key whose lease runs out is gone', async (t) => {
    const { service, open } = await started(t)
    const { ID: lease } = (await ask('/v3/lease/grant', { TTL: 1 })) as { ID?: string }
    await ask('/v3/kv/put', { key: base64(`/services/${service}/a`), value: base64('{"address":"10.0.0.1","port":80}'), lease })
    const told = open()
    await waitForEndpoints(told, ['a'])
    await waitForEndpoints(told, [])
  })

  test('tags, version and datacenter choose', async (t) => {
    const { service, open } = await started(t, { tags: ['v2'], version: '2', datacenter: 'd1' })
    const fitting = { address: '10.0.0.1', port: 80, tags: ['v2'], version: '2', datacenter: 'd1' }
    await put(service, 'a', fitting)
    await put(service, 'b', { ...fitting, tags: [] })
    await put(service, 'c', { ...fitting, version: '1' })
    await put(service, 'd', { ...fitting, datacenter: 'd2' })
    await waitForEndpoints(open(), ['a'])
  })

  test('a value that is no instance is passed over, and said to be', async (t) => {
    const { service, status, open } = await started(t)
    await put(service, 'a')
    for (const [id, value] of ['nonsense', '[]', '{"address":"a b","port":80}', '{"address":"10.0.0.1","port":80,"weight":"much"}', '{"address":"10.0.0.1","port":80,"tags":"v2"}'].entries()) await put(service, `bad-${id}`, value)
    await waitForEndpoints(open(), ['a'])
    assert.equal(status.skips.length, 5)
    assert.match(status.skips[0]!, /^the key "\/services\/users-\d+\/bad-0": its value is no JSON$/)
  })

  test('what changed while it was away is heard when it is back, though those revisions are compacted', async (t) => {
    const { service, status, open } = await started(t)
    await put(service, 'a')
    await put(service, 'b')
    const told = open()
    await waitForEndpoints(told, ['a', 'b'])
    await server.kill()
    await waitUntil(() => status.failures.length > 0, { timeoutMs: 15_000 })
    assert.equal(told.length, 1)
    await server.restart()
    await remove(service, 'a')
    const { header } = await put(service, 'c')
    await ask('/v3/kv/compaction', { revision: header!.revision, physical: true })
    await waitForEndpoints(told, ['b', 'c'])
    await put(service, 'd')
    await waitForEndpoints(told, ['b', 'c', 'd'])
  })

  test('of several members the next is asked when one is gone', async (t) => {
    const { service, open } = await started(t, { urls: ['http://127.0.0.1:1', server.url] })
    await put(service, 'a')
    await waitForEndpoints(open(), ['a'])
  })

  test('with authentication a user is needed, and sent', async (t) => {
    const guarded = await startEtcd()
    t.after(() => guarded.stop())
    await put('guarded', 'a', undefined, guarded)
    for (const [path, body] of [['user/add', { name: 'root', password: 'hidden' }], ['role/add', { name: 'root' }], ['user/grant', { user: 'root', role: 'root' }], ['enable', {}]] as const) await ask(`/v3/auth/${path}`, body, guarded)
    const stranger = await started(t, { service: 'guarded' }, guarded)
    stranger.open()
    await waitUntil(() => stranger.status.failures.some((failure) => failure.includes('answered 4')))
    const known = await started(t, { service: 'guarded', username: 'root', password: 'hidden' }, guarded)
    await waitForEndpoints(known.open(), ['a'])
  })
})
