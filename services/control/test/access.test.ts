import assert from 'node:assert/strict'
import { stat, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { SluiceError } from '@sluice/errors'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { ConfigReplySchema, ConfigRequestSchema, ConfigSegmentsReplySchema, ConfigSegmentsRequestSchema } from '@sluice/proto/messages/control'
import { fetchOnce, freePort, waitUntil } from '@sluice/testkit'
import { adminToken, ControlClient, controlToken, makeControl, makeSurroundings, startControl, upstream } from './control-under-test.ts'

test('nothing under /v1 is told or changed without the admin token', async (context) => {
  const surroundings = await makeSurroundings(context)
  const control = await startControl(context, surroundings)
  const url = control.control.adminUrl()
  for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: `Basic ${adminToken}` }, { authorization: `Bearer ${adminToken}x` }] as Record<string, string>[]) {
    for (const [method, path] of [['GET', '/v1/status'], ['GET', '/v1/config'], ['PUT', '/v1/upstreams/users'], ['POST', '/v1/internal/config'], ['POST', '/v1/internal/config/segments']]) {
      const refused = await fetchOnce(url + path, { method: method!, headers })
      assert.equal(refused.status, 401, `${method} ${path}`)
      assert.match(refused.headers['www-authenticate'] ?? '', /^Bearer/)
      assert.equal(refused.json<{ reason: string }>().reason, 'admin.unauthenticated')
    }
  }
  assert.deepEqual(await surroundings.store.listAudit('default', { limit: 10 }), [])
})

test('what the API says of itself needs no token', async (context) => {
  const control = await startControl(context, await makeSurroundings(context))
  const url = control.control.adminUrl()
  const openapi = await fetchOnce(`${url}/openapi.json`)
  const { paths } = openapi.json<{ paths: Record<string, object> }>()
  for (const path of ['/v1/upstreams/{name}', '/v1/routes', '/v1/policies', '/v1/groups', '/v1/consumers/{name}/credentials', '/v1/config', '/v1/revisions/{revision}/rollback', '/v1/edges', '/v1/endpoints/{service}/{id}', '/v1/usage', '/v1/analytics/routes', '/v1/limits/peek', '/v1/audit', '/v1/status']) {
    assert.ok(path in paths, path)
  }
  assert.equal('/v1/internal/config' in paths, false)
  assert.match((await fetchOnce(`${url}/`)).body, /openapi\.json/)
  assert.equal((await fetchOnce(`${url}/schema.json`)).json<{ title: string }>().title, 'Sluice configuration')
})

test('an edge without the bus fetches the head, and nothing else, with its own token', async (context) => {
  const surroundings = await makeSurroundings(context)
  const control = await startControl(context, surroundings)
  await control.json('PUT', '/v1/upstreams/users', upstream())
  const url = control.control.adminUrl()
  const as = (token: string, path: string, method = 'POST', body: Uint8Array = new Uint8Array()) =>
    fetchOnce(url + path, { method, headers: { authorization: `Bearer ${token}`, ...(method === 'POST' && { 'content-type': 'application/x-protobuf' }) }, ...(method === 'POST' && { body: Buffer.from(body) }) })
  const asked = toBinary(ConfigRequestSchema, create(ConfigRequestSchema, { scope: 'default' }))
  const head = fromBinary(ConfigReplySchema, (await as(controlToken, '/v1/internal/config', 'POST', asked)).bytes)
  assert.deepEqual([head.revision, head.unchanged, head.segments.length], [2, false, 256 * 32])
  const again = toBinary(ConfigRequestSchema, create(ConfigRequestSchema, { scope: 'default', haveRevision: 2, haveDigest: head.digest }))
  assert.equal(fromBinary(ConfigReplySchema, (await as(controlToken, '/v1/internal/config', 'POST', again)).bytes).unchanged, true)
  const digests = Buffer.from(head.segments).toString('hex').match(/.{64}/g)!.filter((digest, index, all) => all.indexOf(digest) === all.lastIndexOf(digest))
  const wanted = toBinary(ConfigSegmentsRequestSchema, create(ConfigSegmentsRequestSchema, { scope: 'default', digests }))
  const { segments } = fromBinary(ConfigSegmentsReplySchema, (await as(controlToken, '/v1/internal/config/segments', 'POST', wanted)).bytes)
  assert.deepEqual(segments.map(({ bytes }) => Buffer.from(bytes).toString()), [`["upstreams/users",${JSON.stringify(upstream())}]\n`])
  assert.equal((await as(controlToken, '/v1/internal/config', 'POST', Buffer.from('no message at all'))).status, 400)
  assert.equal((await as(controlToken, '/v1/status', 'GET')).status, 403)
  assert.equal((await as(adminToken, '/v1/internal/config', 'POST', asked)).status, 403)
})

test('without a given token one is made, in a file for its owner alone, and never logged', async (context) => {
  const surroundings = await makeSurroundings(context)
  const { adminToken: _, ...bare } = { adminToken, ...surroundings }
  const start = async () => {
    const control = makeControl(bare, { adminToken: undefined as never })
    context.after(() => control.stop({ deadlineMs: 100 }))
    await control.start()
    return control
  }
  const control = await start()
  const file = join(surroundings.directory, 'admin-token')
  const token = (await readFile(file, 'utf8')).trim()
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  assert.ok(token.length >= 43)
  assert.equal((await fetchOnce(`${control.adminUrl()}/v1/status`, { headers: { authorization: `Bearer ${token}` } })).status, 200)
  assert.ok(surroundings.log.some((line) => line.includes(file)))
  assert.ok(!surroundings.log.some((line) => line.includes(token)))
  await control.stop({ deadlineMs: 100 })
  await start()
  assert.equal((await readFile(file, 'utf8')).trim(), token)
})

test('every write that was let in is in the audit log, with what came of it', async (context) => {
  const control = await startControl(context, await makeSurroundings(context))
  await control.call('PUT', '/v1/upstreams/users?wait=all', upstream())
  await control.call('PUT', '/v1/upstreams/users', { endpoint: [] })
  await control.call('DELETE', '/v1/upstreams/nobody')
  await control.call('GET', '/v1/upstreams')
  const { items } = await control.json<{ items: { actor: string; action: string; outcome: string }[] }>('GET', '/v1/audit')
  assert.deepEqual(items.map(({ actor, action, outcome }) => [actor, action, outcome]), [
    ['admin', 'DELETE /v1/upstreams/nobody', 'config.not_found'],
    ['admin', 'PUT /v1/upstreams/users', 'config.invalid'],
    ['admin', 'PUT /v1/upstreams/users', 'revision 2'],
  ])
})

test('an address in use is one line that names it and its setting', async (context) => {
  const surroundings = await makeSurroundings(context)
  const port = await freePort()
  const admin = { address: `127.0.0.1:${port}`, setting: 'SLUICE_ADMIN_ADDRESS' }
  await startControl(context, surroundings, { admin })
  const second = makeControl(surroundings, { admin })
  await assert.rejects(second.start(), { message: `127.0.0.1:${port} is in use by another process; change SLUICE_ADMIN_ADDRESS or free it` })
  await second.stop({ deadlineMs: 100 })
})

test('a socket that a killed process left behind is taken over', async (context) => {
  const surroundings = await makeSurroundings(context)
  const path = join(surroundings.directory, 'admin.sock')
  const admin = { address: `unix:${path}`, setting: 'admin.address' }
  const { spawnSync } = await import('node:child_process')
  spawnSync(process.execPath, ['-e', `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`])
  assert.ok((await stat(path)).isSocket())
  await startControl(context, surroundings, { admin })
  const answer = await fetchOnce('http://localhost/v1/status', { socketPath: path, headers: { authorization: `Bearer ${adminToken}` } })
  assert.equal(answer.status, 200)
})

test('while the store is away the API says so, and control begins when it is there', async (context) => {
  const surroundings = await makeSurroundings(context)
  let isAway = true
  const store = new Proxy(surroundings.store, {
    get(target, key) {
      const value = Reflect.get(target, key) as unknown
      if (typeof value !== 'function') return value
      return isAway && key !== 'close' ? () => Promise.reject(new SluiceError('dependency.store_unreachable')) : value.bind(target)
    },
  })
  const control = makeControl({ ...surroundings, store })
  context.after(() => control.stop({ deadlineMs: 100 }))
  await control.start()
  assert.deepEqual(control.health(), { ready: false, reasons: ['the store cannot be reached'] })
  const client = new ControlClient(control)
  for (const [method, path, body] of [['GET', '/v1/routes', undefined], ['PUT', '/v1/upstreams/users', upstream()]] as const) {
    const answer = await client.call(method, path, body)
    assert.deepEqual([answer.status, answer.json<{ reason: string }>().reason], [503, 'dependency.store_unreachable'])
  }
  assert.partialDeepStrictEqual(await client.json('GET', '/v1/status'), { store: 'away', head: null })
  isAway = false
  await waitUntil(() => control.health().ready)
  assert.equal((await client.call('PUT', '/v1/upstreams/users', upstream())).status, 201)
})
