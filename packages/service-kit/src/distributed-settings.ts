import { z } from 'zod'
import { plaintextProblems, type Door } from './plaintext.ts'
import { commaList, flag, SettingsError, variableName, wholeNumber } from './settings.ts'

/** Settings that every service of the distributed mode has; `metricsAddress` takes each one's own default port. */
export function distributedSettings(metricsPort: number) {
  return z.object({
    natsUrl: commaList.default(['nats://127.0.0.1:4222']),
    natsCreds: z.string().optional(),
    natsCa: z.string().optional(),
    natsCert: z.string().optional(),
    natsKey: z.string().optional(),
    metricsAddress: z.string().default(`127.0.0.1:${metricsPort}`),
    dataDir: z.string().default('.sluice'),
    allowPlaintext: flag.default(false),
    logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal']).default('info'),
    drainSeconds: wholeNumber.default(30),
  })
}

export type DistributedSettings = z.output<ReturnType<typeof distributedSettings>>

/** Settings of the services that count in Redis. */
export const redisSettings = {
  redisUrl: commaList.refine((list) => list.length > 0, 'expected at least one address').default(['redis://127.0.0.1:6379']),
  redisCa: z.string().optional(),
  redisCert: z.string().optional(),
  redisKey: z.string().optional(),
  redisSentinel: z.string().optional(),
  redisSentinelUser: z.string().optional(),
  redisSentinelPassword: z.string().optional(),
  redisCluster: flag.default(false),
  /** How long one call may take before it fails: within a datacenter 20 ms are many, to another one they are none. */
  redisTimeoutMs: wholeNumber.refine((value) => value >= 1 && value <= 10_000, 'expected milliseconds from 1 to 10000').default(20),
}

type RedisSettings = z.output<z.ZodObject<typeof redisSettings>>

/** What the counters in Redis are made with. */
export function redisCountersSettings(settings: RedisSettings) {
  const given = {
    caFile: settings.redisCa,
    certFile: settings.redisCert,
    keyFile: settings.redisKey,
    sentinel: settings.redisSentinel,
    sentinelUser: settings.redisSentinelUser,
    sentinelPassword: settings.redisSentinelPassword,
  }
  return { url: settings.redisUrl, cluster: settings.redisCluster, timeoutMs: settings.redisTimeoutMs, ...onlyGiven(given) }
}

/** The ways to Redis, or to its sentinels. */
export function redisDoors({ redisUrl }: RedisSettings): Door[] {
  return redisUrl.map((url) => ({ setting: variableName('redisUrl'), url }))
}

/** Settings of the services that own a store. */
export const storeSettings = {
  store: z.enum(['embedded', 'postgres', 'cassandra'], 'expected embedded, postgres or cassandra').default('embedded'),
  postgresUrl: commaList.optional(),
  cassandraContactPoints: commaList.optional(),
  cassandraDatacenter: z.string().optional(),
  cassandraKeyspace: z.string().default('sluice'),
  cassandraUser: z.string().optional(),
  cassandraPassword: z.string().optional(),
  cassandraCa: z.string().optional(),
  cassandraReplication: z.string().optional(),
}

const storeShape = z.object(storeSettings)

/** What the store is opened with. Throws a `SettingsError` for what its kind cannot do without. */
export function openingSettingsOf(settings: z.output<typeof storeShape>, dataDirectory: string): object {
  if (settings.store === 'embedded') return { directory: dataDirectory }
  if (settings.store === 'postgres') return { url: settings.postgresUrl ?? needed('postgresUrl', 'postgres') }
  const missing = (['cassandraContactPoints', 'cassandraDatacenter'] as const).filter((name) => settings[name] === undefined)
  if (missing.length > 0) throw new SettingsError(missing.map((name) => neededFor(name, 'cassandra')))
  const given = {
    contactPoints: settings.cassandraContactPoints,
    localDatacenter: settings.cassandraDatacenter,
    keyspace: settings.cassandraKeyspace,
    user: settings.cassandraUser,
    password: settings.cassandraPassword,
    ca: settings.cassandraCa,
    replication: settings.cassandraReplication,
  }
  return onlyGiven(given)
}

/** The way to the store, where it would go in clear. */
export function storeDoors({ store, postgresUrl = [] }: z.output<typeof storeShape>): Door[] {
  if (store !== 'postgres') return []
  return postgresUrl.filter(isInClear).map((url) => ({ setting: variableName('postgresUrl'), url }))
}

/** What is no address at all is for the store to refuse. */
function isInClear(postgresUrl: string): boolean {
  if (!URL.canParse(postgresUrl)) return false
  const parameters = new URL(postgresUrl).searchParams
  return (parameters.get('sslmode') ?? (parameters.has('sslrootcert') ? 'verify-full' : 'disable')) === 'disable'
}

function onlyGiven<T extends object>(settings: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: NonNullable<T[K]> }
}

function needed(name: string, store: string): never {
  throw new SettingsError([neededFor(name, store)])
}

function neededFor(name: string, store: string): string {
  return `${variableName(name)}: needed for SLUICE_STORE=${store}`
}

/** What the NATS bus is opened with; `name` begins with the service's, under which it hears the answers to what it asks. */
export function natsBusSettings(settings: DistributedSettings, name: string) {
  return {
    urls: settings.natsUrl,
    name,
    inbox: `_INBOX.${name.split(' ')[0]}`,
    ...(settings.natsCreds === undefined ? {} : { credsFile: settings.natsCreds }),
    ...(settings.natsCa === undefined ? {} : { caFile: settings.natsCa }),
    ...(settings.natsCert === undefined ? {} : { certFile: settings.natsCert }),
    ...(settings.natsKey === undefined ? {} : { keyFile: settings.natsKey }),
  }
}

/** Throws a `SettingsError` for each door that would carry credentials in clear off this machine. `doors` are those besides NATS. */
export function requireEncryption(settings: DistributedSettings, doors: readonly Door[]): void {
  const bus = settings.natsCa === undefined ? settings.natsUrl.map((url) => ({ setting: 'SLUICE_NATS_URL', url })) : []
  const problems = plaintextProblems([...bus, ...doors], settings.allowPlaintext)
  if (problems.length > 0) throw new SettingsError(problems)
}
