// Redis as it is really run: over TLS, with users, with sentinels, as a cluster.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeCertificate, missingServer, primaryName, startRedis, startRedisCluster, startSentinels, startTlsRelay, waitUntil } from '@sluice/testkit'
import { Cluster } from 'ioredis'
import type { Counters, LimitRule } from '../counter.ts'
import { createRedisCounters } from './redis.ts'
import type { RedisCountersSettings } from './schema.ts'

const skip = missingServer('redis')
// A loaded test machine may hold any of the processes up for longer than the 20 ms of production.
const patient = { timeoutMs: 2000 }
const patience = { timeoutMs: 60_000 }
const whole: LimitRule = { algorithm: 'fixed-window', limit: 3000, windowMs: 1e10 }
const ATONCE = 8

function openCounters(t: TestContext, settings: RedisCountersSettings) {
  const errors: string[] = []
  const counters = createRedisCounters({ ...patient, ...settings }, { onConnectionError: (error) => void errors.push(String(error)) })
  t.after(() => counters.close())
  return { counters, errors }
}

/** Callers that take from one key as fast as they may, until the limit refuses all of them; `disturb` comes when a third is spent. */
async function spend(counters: Counters, key: string, disturb: () => Promise<void>): Promise<{ admitted: number; failed: number }> {
  const seen = { admitted: 0, failed: 0, refused: 0 }
  let disturbing: Promise<void> | undefined
  const caller = async () => {
    for (const deadline = performance.now() + patience.timeoutMs; seen.refused < 100; await sleep(1)) {
      assert.ok(performance.now() < deadline, `the limit was not reached: ${JSON.stringify(seen)}`)
      try {
        if ((await counters.take(key, whole, 1)).admitted) seen.admitted++
        else seen.refused++
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'dependency.counters_unreachable')
        seen.failed++
      }
      if (seen.admitted > whole.limit / 3) disturbing ??= disturb()
    }
  }
  await Promise.all(Array.from({ length: ATONCE }, caller))
  await disturbing
  return seen
}

/** Copies are made as the replies go out: what the primary had answered in its last moment may be missing in its replica, no more. */
function assertLimitKept({ admitted, failed }: { admitted: number; failed: number }): void {
  assert.ok(admitted <= whole.limit + ATONCE, `${admitted} admitted`)
  assert.ok(admitted >= whole.limit - failed, `${admitted} admitted, ${failed} failed`)
  assert.ok(failed > 0, 'the primary was missed')
}

describe('Redis as it is really run', { skip, concurrency: false }, () => {
  test('over TLS with a certificate of its own, as a user who may do what counting needs and no more', async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'sluice-redis-tls-'))
    t.after(() => rmSync(directory, { recursive: true, force: true }))
    const place = (name: string, text: string) => (writeFileSync(join(directory, name), text), join(directory, name))
    const authority = makeCertificate({ subject: 'authority', isAuthority: true })
    const [own, client] = [makeCertificate({ names: ['localhost', '127.0.0.1'], issuer: authority }), makeCertificate({ subject: 'edge', issuer: authority })]
    const permissions = '+hello +info +client|setname +client|setinfo +function|load +fcall +time +del +get +set +llen +lindex +ltrim +rpush +pexpire'
    const server = await startRedis({ config: `user default off\nuser sluice on >p@ss/word ~sluice:* resetchannels -@all ${permissions}` })
    t.after(() => server.stop())
    const port = await startTlsRelay(t, server.port, { cert: own.cert, key: own.key, ca: authority.cert, requestCert: true, minVersion: 'TLSv1.3' })
    const [caFile, certFile, keyFile] = [place('ca.pem', authority.cert), place('cert.pem', client.cert), place('key.pem', client.key)]
    const url = (login: string) => `rediss://${login}@localhost:${port}`
    const good = openCounters(t, { url: url('sluice:p%40ss%2Fword'), caFile, certFile, keyFile })
    await waitUntil(() => good.counters.healthy, { ...patience, what: `the connection; ${good.errors}` })
    for (const algorithm of ['token-bucket', 'sliding-window-log'] as const) {
      const rule = { algorithm, limit: 2, windowMs: 1e9, burst: 2 } as LimitRule
      assert.deepEqual([(await good.counters.take(algorithm, rule, 2)).admitted, (await good.counters.take(algorithm, rule, 1)).admitted], [true, false])
      assert.equal((await good.counters.peek(algorithm, rule)).remaining, 0)
      await good.counters.giveBack(algorithm, rule, 1)
      assert.equal(await good.counters.reset(algorithm), true)
    }
    assert.deepEqual(good.errors, [])

    const wrong: [string, RedisCountersSettings, RegExp][] = [
      ['authorities that do not know the server', { url: url('sluice:p%40ss%2Fword'), certFile, keyFile }, /unable to verify|self-signed|certificate/i],
      ['no certificate of its own', { url: url('sluice:p%40ss%2Fword'), caFile }, /certificate required|closed|ECONNRESET|alert/i],
      ['another password', { url: url('sluice:hunter2'), caFile, certFile, keyFile }, /WRONGPASS/],
    ]
    for (const [what, settings, said] of wrong) {
      const { counters, errors } = openCounters(t, settings)
      await waitUntil(() => errors.some((error) => said.test(error)), { ...patience, what: `${what} to be told; ${errors}` })
      assert.equal(counters.healthy, false, what)
      assert.doesNotMatch(errors.join(), /hunter2|p@ss/)
    }
  })

  test('with sentinels: the primary is killed while a limit is spent, its replica goes on with the count, and the primary joins as a replica', async (t) => {
    const group = await startSentinels({ password: 'secret', sentinelPassword: 'watching' })
    t.after(() => group.stop())
    const url = group.sentinels.map((sentinel) => sentinel.url.replace('//', '//:secret@'))
    const { counters, errors } = openCounters(t, { url, sentinel: primaryName, sentinelPassword: 'watching' })
    await waitUntil(() => counters.healthy, { ...patience, what: `the primary to be found; ${errors}` })
    const [primary] = group.primaries
    assertLimitKept(await spend(counters, 'limit', () => primary!.kill()))
    await primary!.restart()
    const isRefused = async () => !(await counters.take('limit', whole, 1)).admitted
    await waitUntil(() => isRefused().catch(() => false), { ...patience, what: 'the limit to be refused by the new primary' })
    assert.doesNotMatch(errors.join(), /secret|watching/)
  })

  test('as a cluster: keys lie on all of its primaries; one is killed while a limit is spent there, and its replica goes on with the count', async (t) => {
    const group = await startRedisCluster()
    t.after(() => group.stop())
    const { counters, errors } = openCounters(t, { url: [group.primaries[1]!.url, group.primaries[2]!.url], cluster: true })
    await waitUntil(() => counters.healthy, { ...patience, what: `the cluster to be found; ${errors}` })
    const client = new Cluster([{ host: '127.0.0.1', port: group.primaries[1]!.port }])
    t.after(() => client.disconnect())
    const slots = new Map(await Promise.all(Array.from({ length: 60 }, async (_, index) => [`k${index}`, Number(await client.cluster('KEYSLOT', `sluice:k${index}`))] as const)))
    await Promise.all([...slots.keys()].map(async (key) => assert.equal((await counters.take(key, whole, 1)).admitted, true)))
    const [onFirst] = [...slots].find(([, slot]) => slot < 5461)!
    const [elsewhere] = [...slots].find(([, slot]) => slot > 11_000)!
    await counters.reset(onFirst)
    let others = 0
    assertLimitKept(await spend(counters, onFirst, async () => {
      await group.primaries[0]!.kill()
      for (let count = 0; count < 20; count++) others += (await counters.take(elsewhere, whole, 1)).admitted ? 1 : 0
    }))
    assert.equal(others, 20, 'keys of other primaries are counted meanwhile')
  })
})
