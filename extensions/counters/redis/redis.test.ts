import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { missingServer, type RedisOptions, type RedisServer, sharedServers, startRedis, waitUntil } from '@sluice/testkit'
import { Redis } from 'ioredis'
import { hourly, testCounters } from '../counter.contract.ts'
import type { Counters } from '../counter.ts'
import { createRedisCounters } from './redis.ts'
import type { RedisCountersSettings } from './schema.ts'

const skip = missingServer('redis')
const unreachable = { code: 'dependency.counters_unreachable' }
// A loaded test machine may hold any of the processes up for longer than the 20 ms of production.
const patient = { timeoutMs: 2000 }

async function ready(settings: RedisCountersSettings): Promise<Counters> {
  const counters = createRedisCounters(settings)
  await waitUntil(() => counters.healthy)
  return counters
}

describe('with a shared Redis server', { skip }, () => {
  const settings = { url: sharedServers().redis ?? '', keyPrefix: `test:${randomUUID()}:`, ...patient }
  testCounters('redis', { open: () => ready(settings), pass: (ms) => sleep(Math.ceil(ms) + 1), toleranceMs: 3000, runs: 30 })

  test('keys carry the prefix and are gone when the bucket is full again', async (t) => {
    const counters = await ready(settings)
    const client = new Redis(settings.url)
    t.after(() => Promise.all([counters.close(), client.quit()]))
    const key = randomUUID()
    const { resetMs } = await counters.take(key, hourly(60, 5), 2)
    const expiresMs = await client.pttl(settings.keyPrefix + key)
    assert.ok(expiresMs <= resetMs + 1 && expiresMs > resetMs - 3000, `${expiresMs} of ${resetMs}`)
  })

  test('a bucket of many small tokens is exact to the last', async (t) => {
    const counters = await ready(settings)
    t.after(() => counters.close())
    const key = randomUUID()
    const rule = { ...hourly(7_000), burst: 1_000 } // a token is 514285.714… µs
    const takes = await Promise.all(Array.from({ length: 1_001 }, () => counters.take(key, rule, 1)))
    const admitted = takes.filter((take) => take.admitted).length
    assert.ok(admitted >= 1_000 && admitted <= 1_000 + Math.ceil(2000 / 514), String(admitted))
  })
})

/** A server of this test's own, and counters on it; both end with the test. */
async function ownServer(t: TestContext, options: RedisOptions = {}): Promise<RedisServer> {
  const server = await startRedis(options)
  t.after(() => server.stop())
  return server
}

function openCounters(t: TestContext, settings: RedisCountersSettings) {
  const errors: string[] = []
  const counters = createRedisCounters(settings, { onConnectionError: (error) => void errors.push(String(error)) })
  t.after(() => counters.close())
  return { counters, errors }
}

async function elapsedMs(run: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await run()
  return performance.now() - began
}

describe('a Redis server that goes, hangs or forgets', { skip }, () => {
  test('killed and started again: takes fail at once meanwhile, those under way too, then all works as before', async (t) => {
    const server = await ownServer(t)
    const { counters } = openCounters(t, { url: server.url, ...patient })
    await waitUntil(() => counters.healthy)
    for (let round = 0; round < 2; round++) {
      await server.kill('SIGSTOP')
      const underWay = Array.from({ length: 20 }, () => counters.take('k', hourly(60), 1))
      await Promise.all([server.kill(), ...underWay.map((take) => assert.rejects(async () => take, unreachable))])
      await waitUntil(() => !counters.healthy)
      assert.ok((await elapsedMs(() => assert.rejects(async () => counters.take('k', hourly(60), 1), unreachable))) < 500)
      await server.restart()
      await waitUntil(() => counters.healthy)
      assert.equal((await counters.take('k', hourly(60), 1)).admitted, true)
    }
  })

  test('not there at the start: the counters are made all the same, and count once the server is', async (t) => {
    const server = await ownServer(t)
    await server.kill()
    const { counters } = openCounters(t, { url: server.url, ...patient })
    await assert.rejects(async () => counters.take('k', hourly(60), 1), unreachable)
    await server.restart()
    await waitUntil(() => counters.healthy)
    assert.equal((await counters.take('k', hourly(60), 1)).admitted, true)
  })

  test('emptied, of its functions too: the next take finds a full bucket and no error', async (t) => {
    const server = await ownServer(t)
    const { counters } = openCounters(t, { url: server.url, ...patient })
    await waitUntil(() => counters.healthy)
    await counters.take('k', hourly(60, 5), 5)
    const client = new Redis(server.url)
    await client.flushall()
    await client.function('FLUSH')
    await client.quit()
    const takes = await Promise.all(Array.from({ length: 10 }, () => counters.take('k', hourly(60, 5), 1)))
    assert.equal(takes.filter(({ admitted }) => admitted).length, 5)
  })

  test('hanging: a take fails within its budget, soon nobody waits any more, and it counts again when the server does', async (t) => {
    const server = await ownServer(t)
    const { counters } = openCounters(t, { url: server.url })
    await waitUntil(() => counters.healthy && counters.take('k', hourly(60), 1))
    await server.kill('SIGSTOP')
    const fails = () => elapsedMs(() => assert.rejects(async () => counters.take('k', hourly(60), 1), unreachable))
    const first = await fails()
    assert.ok(first >= 15 && first < 500, `${first} ms`)
    for (let timeouts = 1; timeouts < 5; timeouts++) await fails()
    assert.equal(counters.healthy, false)
    let refusedMs = 0
    for (let calls = 0; calls < 20; calls++) refusedMs += await fails()
    assert.ok(refusedMs < 200, `${refusedMs} ms`) // twenty budgets are 400
    await server.kill('SIGCONT')
    await waitUntil(() => counters.take('k', hourly(60), 1))
    assert.equal(counters.healthy, true)
  })

  test('hanging for good: the connection is given up after seconds, and the next one is used', async (t) => {
    const server = await ownServer(t)
    const { counters, errors } = openCounters(t, { url: server.url })
    await waitUntil(() => counters.healthy)
    await server.kill('SIGSTOP')
    await assert.rejects(async () => counters.take('k', hourly(60), 1), unreachable)
    await waitUntil(() => errors.some((error) => error.includes('Socket timeout')), { timeoutMs: 10_000 })
    await server.kill()
    await server.restart()
    await waitUntil(() => counters.take('k', hourly(60), 1), { timeoutMs: 10_000 })
  })

  test('a pause of this process does not pass for an outage of the server', async (t) => {
    const server = await ownServer(t)
    const { counters } = openCounters(t, { url: server.url })
    await waitUntil(() => counters.healthy && counters.take('k', hourly(1000), 1))
    const takes = Array.from({ length: 10 }, () => counters.take('k', hourly(1000), 1))
    const until = performance.now() + 200
    while (performance.now() < until); // holds up the event loop
    for (const take of takes) assert.equal((await take).admitted, true)
  })
})

describe('a Redis server that wants to know who comes', { skip }, () => {
  test('a password in the address is used; a wrong one is told, without itself', async (t) => {
    const server = await ownServer(t, { config: 'requirepass p@ss/word' })
    const at = (login: string) => server.url.replace('//', `//${login}@`)
    const good = openCounters(t, { url: at(':p%40ss%2Fword'), ...patient })
    await waitUntil(() => good.counters.healthy)
    const bad = openCounters(t, { url: at(':hunter2'), ...patient })
    await waitUntil(() => bad.errors.length > 0)
    assert.ok(!bad.counters.healthy)
    for (const error of bad.errors) assert.ok(!error.includes('hunter2'), error)
  })
})

test('settings that do not fit are named, without the password that stands in the address', () => {
  assert.throws(() => createRedisCounters({ url: 'http://:hunter2@host' }), (error: Error) => /url: must look like redis:/.test(error.message) && !/hunter2/.test(error.message))
  assert.throws(() => createRedisCounters({ url: 'redis://host', timeoutMs: 0 }), /timeoutMs/)
  const [a, b] = ['redis://:hunter2@a', 'redis://:hunter2@b']
  const contradictions: [RedisCountersSettings, RegExp][] = [
    [{ url: [a, b] }, /several addresses are those of sentinels .* or of a cluster/],
    [{ url: [a, 'redis://:other@b'], cluster: true }, /scheme, login and database have to be the same/],
    [{ url: [`${a}/1`, `${b}/1`], cluster: true }, /a cluster has the database 0 alone/],
    [{ url: a, sentinel: 'main', cluster: true }, /there is one or the other/],
    [{ url: a, sentinelPassword: 'hunter2' }, /expected only with sentinel/],
    [{ url: a, certFile: 'cert.pem' }, /certFile and keyFile: expected both or neither/],
  ]
  for (const [settings, said] of contradictions) assert.throws(() => createRedisCounters(settings), (error: Error) => said.test(error.message) && !error.message.includes('hunter2'))
  assert.throws(() => createRedisCounters({ url: 'rediss://host', caFile: '/nowhere/ca.pem' }), /\/nowhere\/ca\.pem cannot be read/)
})
