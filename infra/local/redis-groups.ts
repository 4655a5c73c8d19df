// Redis servers that stand in for each other: a primary that sentinels watch over, and a cluster.
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../../packages/testkit/src/free-port.ts'
import { probe } from './probe.ts'
import { start, type RedisServer } from './redis.ts'

export interface RedisGroup {
  /** The first of them has the writes at the start, in a cluster those of a third of the keys. */
  readonly primaries: readonly RedisServer[]
  /** Takes the place of the first primary when that is gone. */
  readonly replica: RedisServer
  readonly sentinels: readonly RedisServer[]
  stop(): Promise<void>
}

export interface RedisGroupOptions {
  /** Further lines of the configuration of each server that keeps keys. */
  config?: string
  /** Of the servers that keep keys. */
  password?: string
  sentinelPassword?: string
}

/** The name that the sentinels know the primary by. */
export const primaryName = 'main'
/** Silence after which a server counts as gone: short, since a test waits for it, and long enough for a busy machine. */
const GONE_AFTER_MS = 2000
const SENTINELS = 3
const SLOTS = 16384

/** A primary, a replica that has caught up, and three sentinels that know each other and both. */
export async function startSentinels({ config = '', password, sentinelPassword }: RedisGroupOptions = {}): Promise<RedisGroup> {
  const started: RedisServer[] = []
  const begin = async (options: Parameters<typeof start>[0]) => kept(started, await start(options))
  const login = password === undefined ? '' : `requirepass ${password}\nmasterauth ${password}`
  return orStopped(started, async () => {
    const primary = await begin({ config: `${config}\n${login}` })
    const replica = await begin({ config: `${config}\n${login}\nreplicaof 127.0.0.1 ${primary.port}` })
    await until(() => says(primary.port, 'INFO replication', /state=online/, password))
    const watching = [
      `sentinel monitor ${primaryName} 127.0.0.1 ${primary.port} 2`,
      `sentinel down-after-milliseconds ${primaryName} ${GONE_AFTER_MS}`,
      `sentinel failover-timeout ${primaryName} 10000`,
      ...(password === undefined ? [] : [`sentinel auth-pass ${primaryName} ${password}`]),
      ...(sentinelPassword === undefined ? [] : [`requirepass ${sentinelPassword}`, `sentinel sentinel-pass ${sentinelPassword}`]),
    ].join('\n')
    const sentinels = await Promise.all(Array.from({ length: SENTINELS }, () => begin({ isSentinel: true, config: watching })))
    const known = new RegExp(`slaves=1,sentinels=${SENTINELS}`)
    await until(async () => (await Promise.all(sentinels.map(({ port }) => says(port, 'INFO sentinel', known, sentinelPassword)))).every(Boolean))
    return { primaries: [primary], replica, sentinels, stop: () => stopAll(started) }
  })
}

/** A cluster of three primaries; the first has a replica. */
export async function startRedisCluster(): Promise<RedisGroup> {
  const started: RedisServer[] = []
  return orStopped(started, async () => {
    const buses: number[] = []
    for (let index = 0; index < 4; index++) {
      buses[index] = await freePort()
      started[index] = await start({ config: `cluster-enabled yes\ncluster-port ${buses[index]}\ncluster-node-timeout ${GONE_AFTER_MS}` })
    }
    const [first, second, third, replica] = started as [RedisServer, RedisServer, RedisServer, RedisServer]
    const primaries = [first, second, third]
    for (const [index, { port }] of primaries.entries()) {
      const [from, to] = [index, index + 1].map((part) => Math.floor((part * SLOTS) / primaries.length))
      await command(port, `CLUSTER ADDSLOTSRANGE ${from} ${to! - 1}`, /\+OK/)
      await command(replica.port, `CLUSTER MEET 127.0.0.1 ${port} ${buses[index]}`, /\+OK/)
    }
    const agreed = async (pattern: RegExp) => (await Promise.all(started.map(({ port }) => says(port, 'CLUSTER INFO', pattern)))).every(Boolean)
    await until(() => agreed(/cluster_known_nodes:4/))
    const [id = ''] = /[0-9a-f]{40}/.exec(await command(first.port, 'CLUSTER MYID', /[0-9a-f]{40}/)) ?? []
    await command(replica.port, `CLUSTER REPLICATE ${id}`, /\+OK/)
    await until(() => says(first.port, 'INFO replication', /state=online/))
    await until(() => agreed(/cluster_state:ok/))
    return { primaries, replica, sentinels: [], stop: () => stopAll(started) }
  })
}

async function orStopped<T>(started: readonly RedisServer[], make: () => Promise<T>): Promise<T> {
  try {
    return await make()
  } catch (error) {
    await stopAll(started)
    throw error
  }
}

function kept(started: RedisServer[], server: RedisServer): RedisServer {
  started.push(server)
  return server
}

async function stopAll(servers: readonly RedisServer[]): Promise<void> {
  await Promise.all(servers.map((server) => server.stop()))
}

/** The reply to a command that is sent in a connection of its own; fails when it does not match. */
async function command(port: number, text: string, expected: RegExp, password?: string): Promise<string> {
  let reply = ''
  const login = password === undefined ? '' : `AUTH ${password}\r\n`
  await probe(port, `${login}${text}\r\n`, (received) => expected.test((reply = received.toString('latin1'))))
  if (!expected.test(reply)) throw new Error(`the server at ${port} answered ${JSON.stringify(reply)} to ${text}`)
  return reply
}

function says(port: number, text: string, expected: RegExp, password?: string): Promise<boolean> {
  return command(port, text, expected, password).then(() => true, () => false)
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + 30_000; !(await holds()); await sleep(100)) {
    if (performance.now() > deadline) throw new Error('the servers did not find each other within 30 s')
  }
}
