// The real servers that the test files of one run share.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LocalServer } from '../infra/local/server-process.ts'
import { startCassandra, startEtcd, startNats, startPostgres, startRedis, type ServerName } from '../packages/testkit/src/servers.ts'

export interface SharedServers {
  /** For the environment of every test process. */
  env: Record<string, string>
  /** What could not be started, and why. */
  missing: { name: ServerName; reason: string }[]
  /** Names with the time each took, for the report. */
  times: string[]
  stop(): Promise<void>
}

type Started = { server: LocalServer; env: Record<string, string> }

const STARTERS: Record<ServerName, () => Promise<Started>> = {
  nats: async () => {
    const server = await startNats()
    return { server, env: { SLUICE_TEST_NATS_URL: server.url } }
  },
  redis: async () => {
    const server = await startRedis()
    return { server, env: { SLUICE_TEST_REDIS_URL: server.url } }
  },
  postgres: async () => {
    const server = await startPostgres({ config: { fsync: 'off', max_connections: '300' } })
    return { server, env: { SLUICE_TEST_POSTGRES_URL: server.url } }
  },
  etcd: async () => {
    const server = await startEtcd()
    return { server, env: { SLUICE_TEST_ETCD_URL: server.url } }
  },
  cassandra: async () => {
    const server = await startCassandra()
    return { server, env: { SLUICE_TEST_CASSANDRA: server.contactPoint } }
  },
}

/** Starts them side by side. One that cannot be started is named in the result and stops no other. */
export async function startShared(names: readonly ServerName[]): Promise<SharedServers> {
  const shared: SharedServers = { env: {}, missing: [], times: [], stop: async () => void (await Promise.all(servers.map((server) => server.stop()))) }
  const servers: LocalServer[] = []
  const startOne = async (name: ServerName) => {
    const start = performance.now()
    try {
      const { server, env } = await STARTERS[name]()
      servers.push(server)
      Object.assign(shared.env, env)
      shared.times.push(`${name} ${((performance.now() - start) / 1000).toFixed(1)} s`)
    } catch (error) {
      shared.missing.push({ name, reason: (error as Error).message })
    }
  }
  await Promise.all(names.map(startOne))
  return shared
}

/** The servers without which a run in CI has failed. */
export function requiredServers(root: string): string[] {
  const text = readFileSync(join(root, 'infra/local/required.txt'), 'utf8')
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}
