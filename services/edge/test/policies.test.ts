import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { afterPromise, answer, fetchOnce, resetConnection, startUpstream, suiteCleanup, waitUntil, type FetchOptions, type FetchedResponse, type ScriptedUpstream } from '@sluice/testkit'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'

const withPolicies = (name: string, ...policies: Record<string, Record<string, unknown>>[]) => ({ name, match: { pathPrefix: `/${name}` }, upstream: 'main', policies })

describe('policies, seen from outside', { concurrency: false }, () => {
  const whole = suiteCleanup()
  let upstream: ScriptedUpstream
  let under: EdgeUnderTest

  before(async () => {
    upstream = await startUpstream(whole)
    under = await startEdge(whole, {
      telemetry: { accessLog: { file: 'access.log' } },
      upstreams: { main: { endpoints: [{ url: upstream.url }], retries: { attempts: 1 } } },
      routes: [
        withPolicies('open', { 'concurrency-limit': { limit: 2, key: 'ip' } }),
        withPolicies('crash', { 'concurrency-limit': { limit: 1, key: 'ip' } }),
        withPolicies('denied', { 'ip-restriction': { deny: ['127.0.0.2/32'], files: ['drop.txt'] } }),
        withPolicies('allowed', { 'ip-restriction': { files: { allow: ['office.txt'] } } }),
        { name: 'moved', match: { path: '/moved/{rest*}' }, policies: [{ redirect: { to: '/new/{rest}?by=redirect', status: 301 } }] },
        withPolicies('secure', { redirect: { to: 'https://{request:host}{request:target}', status: 308 } }),
        withPolicies('dressed', { 'response-transform': { headers: { remove: ['server'], rename: { 'x-old': 'X-New' }, set: { 'x-kind': 'v{{1}}' } }, status: { 404: 410 } } }),
        withPolicies('broken', { fault: { abortStatus: 418 } }, { 'response-transform': { headers: { set: { 'x-kind': 'fault' } } } }),
        withPolicies('slow', { fault: { delayMs: 300 } }),
        withPolicies('very-slow', { fault: { delayMs: 60_000 } }),
      ],
      secrets: { 'file:drop.txt': '# addresses to drop\n127.0.0.3 ; one\n', 'file:office.txt': '127.0.0.4/30' },
    }, { workers: 2 })
  })

  const get = (path: string, options: FetchOptions = {}): Promise<FetchedResponse> => fetchOnce(under.url + path, options)
  const from = async (localAddress: string, path: string): Promise<number> => {
    const agent = new Agent({ localAddress })
    const { status } = await get(path, { agent })
    agent.destroy()
    return status
  }
  const logged = async (path: string) =>
    waitUntil(async () => {
      const lines = (await readFile(join(under.directory, 'access.log'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
      return lines.findLast((line) => line['path'] === path)
    })

  /** Requests that hang at the upstream until the function that comes back is called. */
  async function hang(path: string, count: number) {
    const release = Promise.withResolvers<void>()
    upstream.does(afterPromise(release.promise, answer(200, 'late')))
    const before = upstream.requests.length
    const responses = Array.from({ length: count }, () => get(path))
    await waitUntil(() => upstream.requests.length === before + count)
    upstream.does(answer(200, 'ok'))
    return { release: () => release.resolve(), responses }
  }

  it('as many requests as the limit are open at once on all workers, and each that ends makes room', async () => {
    const { release, responses } = await hang('/open/held', 2)
    const refused = await Promise.all([get('/open/more'), get('/open/more'), get('/open/more')])
    assert.deepEqual(refused.map(({ status }) => status), [429, 429, 429])
    assert.deepEqual([refused[0]!.headers['retry-after'], refused[0]!.headers['ratelimit']], ['1', undefined])
    assert.equal((await logged('/open/more'))['limit'], 'refused')
    assert.equal(await from('127.0.0.2', '/open/another'), 200)
    release()
    assert.deepEqual((await Promise.all(responses)).map(({ status }) => status), [200, 200])
    await waitUntil(async () => (await get('/open/again')).status === 200)
  })

  it('a place is free again when the client leaves, and when the upstream fails', async () => {
    const release = Promise.withResolvers<void>()
    upstream.does(afterPromise(release.promise, answer(200, 'late')))
    const before = upstream.requests.length
    const leaving = [1, 2].map(() => request(`${under.url}/open/leaves`, { agent: false }).on('error', () => undefined))
    for (const one of leaving) one.end()
    await waitUntil(() => upstream.requests.length === before + 2)
    assert.equal((await get('/open/full')).status, 429)
    for (const one of leaving) one.destroy()
    upstream.does(resetConnection())
    // Each of these takes a place and has to give it back, or the third would find none.
    for (let failures = 0; failures < 5; failures++) await waitUntil(async () => (await get('/open/fails')).status === 502)
    upstream.does(answer(200, 'ok'))
    release.resolve()
    await waitUntil(async () => (await Promise.all([get('/open/a'), get('/open/b')])).every(({ status }) => status === 200))
  })

  it('what a worker had open is free when it crashes', async () => {
    const { release, responses } = await hang('/crash/held', 1)
    responses[0]!.catch(() => undefined)
    assert.equal((await get('/crash/full')).status, 429)
    for (const pid of under.edge.workerPids) process.kill(pid, 'SIGKILL')
    await assert.rejects(responses[0]!)
    await waitUntil(async () => (await get('/crash/again').catch(() => undefined))?.status === 200, { timeoutMs: 20_000 })
    release()
  })

  it('addresses on a list may not pass, whether it stands in the settings or in a file', async () => {
    assert.equal(await from('127.0.0.1', '/denied'), 200)
    assert.equal(await from('127.0.0.2', '/denied'), 403)
    assert.equal(await from('127.0.0.3', '/denied'), 403)
    assert.equal(await from('127.0.0.3', '/allowed'), 403)
    assert.equal(await from('127.0.0.6', '/allowed'), 200)
    assert.equal((await logged('/denied'))['reason'], 'policy.forbidden')
  })

  it('a client is sent elsewhere', async () => {
    const moved = await get('/moved/a/b%20c?x=1')
    assert.deepEqual([moved.status, moved.headers['location'], moved.body], [301, '/new/a/b%20c?by=redirect', ''])
    const secure = await get('/secure/a?x=1', { headers: { host: 'api.example.com:8000' } })
    assert.deepEqual([secure.status, secure.headers['location']], [308, 'https://api.example.com/secure/a?x=1'])
  })

  it('fields and status of a response are changed', async () => {
    upstream.doesNext(answer(404, 'gone', { server: 'secret/1.0', 'x-old': 'kept' }))
    const { status, headers, body } = await get('/dressed')
    assert.deepEqual([status, headers['server'], headers['x-new'], headers['x-old'], headers['x-kind'], body], [410, undefined, 'kept', undefined, 'v{1}', 'gone'])
    assert.equal((await logged('/dressed'))['status'], 410)
  })

  it('a request fails as it is set to, with its reason, and the upstream never sees it', async () => {
    const before = upstream.requests.length
    const response = await get('/broken')
    assert.deepEqual([response.status, response.headers['x-kind']], [418, 'fault'])
    const { error } = response.json<{ error: { code: number; reason: string } }>()
    assert.deepEqual([error.code, error.reason], [418, 'policy.fault_injected'])
    assert.equal(upstream.requests.length, before)
    assert.equal((await logged('/broken'))['reason'], 'policy.fault_injected')
  })

  it('a request is held, unless its client leaves', async () => {
    const began = performance.now()
    assert.equal((await get('/slow')).status, 200)
    assert.ok(performance.now() - began >= 295)
    const leaving = request(`${under.url}/very-slow`, { agent: false }).on('error', () => undefined)
    leaving.end()
    leaving.on('socket', (socket) => socket.on('connect', () => setImmediate(() => leaving.destroy())))
    assert.equal((await logged('/very-slow'))['status'], 499)
  })
})
