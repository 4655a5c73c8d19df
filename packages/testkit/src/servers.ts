import type { TestContext } from 'node:test'

export { start as startNats, type NatsOptions, type NatsServer } from '../../../infra/local/nats.ts'
export { startNatsCluster } from '../../../infra/local/nats-cluster.ts'
export { start as startRedis, type RedisOptions, type RedisServer } from '../../../infra/local/redis.ts'
export { primaryName, startRedisCluster, startSentinels, type RedisGroup } from '../../../infra/local/redis-groups.ts'
export { start as startPostgres, type PostgresOptions, type PostgresServer } from '../../../infra/local/postgres.ts'
export { start as startMoto } from '../../../infra/local/moto.ts'
export { start as startEtcd, type EtcdOptions, type EtcdServer } from '../../../infra/local/etcd.ts'
export { start as startCassandra, type CassandraOptions, type CassandraServer } from '../../../infra/local/cassandra.ts'

export type ServerName = 'nats' | 'redis' | 'postgres' | 'etcd' | 'cassandra'

const VARIABLES: Record<ServerName, string> = {
  nats: 'SLUICE_TEST_NATS_URL',
  redis: 'SLUICE_TEST_REDIS_URL',
  postgres: 'SLUICE_TEST_POSTGRES_URL',
  etcd: 'SLUICE_TEST_ETCD_URL',
  cassandra: 'SLUICE_TEST_CASSANDRA',
}

/**
 * Addresses of the servers that all test files of this run share, undefined for one that was not started:
 * URLs of NATS, Redis, etcd and PostgreSQL (its superuser's, of the database `postgres`), host:port of Cassandra. Keep to subjects, keys,
 * databases and keyspaces of your own in them.
 */
export function sharedServers(): Record<ServerName, string | undefined> {
  return { nats: process.env[VARIABLES.nats], redis: process.env[VARIABLES.redis], postgres: process.env[VARIABLES.postgres], etcd: process.env[VARIABLES.etcd], cassandra: process.env[VARIABLES.cassandra] }
}

/**
 * Why tests of `name` cannot run here, for the `skip` option of a test or suite; false when they can. With CI
 * set there is no skipping: it throws.
 */
export function missingServer(name: ServerName): string | false {
  if (sharedServers()[name]) return false
  const reason = `no ${name} was started (${VARIABLES[name]} is not set; \`npm test -- PATH\` starts it)`
  if (process.env.CI) throw new Error(reason)
  return reason
}

/** The address of the shared server, or undefined after having skipped the test: then return at once. */
export function needServer(t: Pick<TestContext, 'skip'>, name: ServerName): string | undefined {
  const reason = missingServer(name)
  if (reason) t.skip(reason)
  return sharedServers()[name]
}
