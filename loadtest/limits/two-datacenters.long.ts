// Row RL4: limits of a zone, a datacenter and everywhere, on edges whose datacenters have a Redis each and one between them.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { readMetrics } from '../../e2e/actors/metrics.ts'
import type { LimiterRules, LimitScope } from '../../extensions/policies/policy.ts'
import { missingServer, type RedisServer, startRedis, waitUntil } from '../../packages/testkit/src/index.ts'
import { type LimitedEdges, startLimitedEdges } from './edges-over-sockets.ts'

const limit = 60
const rules = (scope: LimitScope): LimiterRules => ({ counter: scope, algorithm: 'token-bucket', limit, burst: limit, windowSeconds: 86_400, maxWaitMs: 0, mode: 'auto', scope, failure: 'local' })
const limits = new Map<string, LimiterRules>([...(['az', 'dc', 'global'] as const).map((scope): [string, LimiterRules] => [scope, rules(scope)]), ['global-away', rules('global')], ['dc-still', rules('dc')]])

/** Two edges in the first datacenter, one in the second; a worker each. */
const places = [{ datacenter: 'one', zone: 'a' }, { datacenter: 'one', zone: 'b' }, { datacenter: 'two', zone: 'a' }] as const

describe('edges of two datacenters', { skip: missingServer('redis') || missingServer('nats'), concurrency: false }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-datacenters-'))
  const redis = new Map<string, RedisServer>()
  let edges: LimitedEdges

  before(async () => {
    for (const name of ['one', 'two', 'global']) redis.set(name, await startRedis())
    edges = await startLimitedEdges(directory, places.length, limits, (index) => {
      const { datacenter, zone } = places[index]!
      return { SLUICE_DATACENTER: datacenter, SLUICE_ZONE: zone, SLUICE_REDIS_URL: redis.get(datacenter)!.url, SLUICE_GLOBAL_REDIS_URL: redis.get('global')!.url }
    })
  })
  after(async () => {
    await edges.stop()
    await Promise.all([...redis.values()].map((server) => server.stop()))
    rmSync(directory, { recursive: true, force: true })
  })

  /** What each edge admits when they are asked in turn, until all refuse. */
  async function admitted(path: string): Promise<number[]> {
    const passed = places.map(() => 0)
    await waitUntil(async () => {
      let refused = 0
      for (const [edge] of places.entries()) {
        const status = await edges.ask(edge, path)
        if (status === 200) passed[edge]!++
        else if (status === 429) refused++
        else assert.fail(`${path}: ${status}`)
      }
      return refused === places.length
    }, { timeoutMs: 60_000, everyMs: 0, what: `${path} to be spent everywhere` })
    return passed
  }
  const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0)

  test('a limit of the zone holds in each zone, one of the datacenter in each datacenter, a global one over all of them', async () => {
    assert.deepEqual(await admitted('/az'), [limit, limit, limit])
    const [first = 0, second = 0, third = 0] = await admitted('/dc')
    assert.deepEqual([first + second, third], [limit, limit])
    // Chunks that lie in an edge come back after two seconds; what was refused meanwhile is not asked for again here.
    const everywhere = sum(await admitted('/global'))
    assert.ok(everywhere <= limit && everywhere >= limit - places.length * Math.ceil(limit / 8), `${everywhere}`)
  })

  test('while the Redis between the datacenters is away, a global limit is divided by the workers of all, and no other limit notices', async () => {
    // Told with the answer to a heartbeat, each ten seconds.
    for (const port of edges.metricsPorts) {
      await waitUntil(async () => sum((await readMetrics(`http://127.0.0.1:${port}`)).filter(({ name, labels }) => name === 'sluice_limit_sharers' && labels['scope'] === 'global').map(({ value }) => value)) === places.length, { timeoutMs: 60_000, everyMs: 200, what: 'the edge to know of the others' })
    }
    await redis.get('global')!.kill()
    assert.deepEqual(await admitted('/global-away'), places.map(() => limit / places.length))
    const [first = 0, second = 0, third = 0] = await admitted('/dc-still')
    assert.deepEqual([first + second, third], [limit, limit])
  })
})
