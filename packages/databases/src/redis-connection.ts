/**
 * The connection to one server, to the primary that sentinels name, or to the primaries of a cluster. In all three nothing waits
 * for a connection and nothing is sent twice by itself: a call has a budget of milliseconds, and one that was sent may have been counted.
 */
import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import { SluiceError } from '@sluice/errors'
import { Cluster, Redis } from 'ioredis'
import type { RedisConnectionSettings as Settings } from './redis-settings.ts'

export type Client = Redis | Cluster

/** With calls unanswered for that long the connection is made anew. */
const SILENCE_MS = 5000
/** A cluster tells nobody when it has promoted a replica: its nodes are asked who has which keys. */
const SLOTS_REFRESH_MS = 1000

/** Milliseconds between two attempts to connect. */
export const soon = () => 250 * (1 + Math.random())

/** Connects in the background, for as long as it takes. Throws `config.invalid` when a file that is named cannot be read. */
export function connectRedis(settings: Settings): Client {
  const [first, ...others] = settings.url.map((url) => new URL(url))
  const addresses = [first!, ...others].map(({ hostname, port }) => ({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) }))
  const options = serverOptions(first!, tlsOptions(first!, settings))
  if (settings.cluster) return connectCluster(addresses, options)
  const alone = { ...options, enableOfflineQueue: false, maxRetriesPerRequest: 0, retryStrategy: soon, reconnectOnError: isNoPrimary }
  if (settings.sentinel === undefined) return new Redis({ ...alone, ...addressOf(addresses[0]!, 6379) })
  return new Redis({ ...alone, ...sentinelOptions(settings, options.tls), sentinels: addresses.map((one) => addressOf(one, 26379)) })
}

/** The connections to every server that takes writes: a library has to be loaded in each. */
export function primariesOf(client: Client): Redis[] {
  return client instanceof Cluster ? client.nodes('master') : [client]
}

function connectCluster(addresses: readonly Address[], redisOptions: ReturnType<typeof serverOptions>): Cluster {
  return new Cluster(addresses.map((one) => addressOf(one, 6379)), {
    redisOptions,
    enableOfflineQueue: false,
    clusterRetryStrategy: soon,
    slotsRefreshInterval: SLOTS_REFRESH_MS,
    // What was sent on a connection that broke, or while the cluster is down, is not sent again.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    // A name is resolved when it is connected to, so that its certificate is checked by the name.
    dnsLookup: (host, callback) => callback(null, host),
  })
}

function serverOptions({ username, password, pathname }: URL, tls: ConnectionOptions | undefined) {
  return {
    connectionName: 'sluice',
    autoResendUnfulfilledCommands: false,
    connectTimeout: 5000,
    socketTimeout: SILENCE_MS,
    db: Number(pathname.slice(1)),
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
    ...(tls && { tls }),
  }
}

function sentinelOptions({ sentinel, sentinelUser, sentinelPassword }: Settings, tls: ConnectionOptions | undefined) {
  return {
    name: sentinel!,
    role: 'master' as const,
    failoverDetector: true, // told by the sentinels, rather than by a connection that breaks: the old primary may live on, cut off
    sentinelRetryStrategy: soon,
    sentinelReconnectStrategy: soon,
    sentinelCommandTimeout: 1000,
    ...(sentinelUser !== undefined && { sentinelUsername: sentinelUser }),
    ...(sentinelPassword !== undefined && { sentinelPassword }),
    ...(tls && { sentinelTLS: tls, enableTLSForSentinelMode: true }),
  }
}

/** What was the primary takes no writes any more: the connection is made anew, to whoever is it now. */
function isNoPrimary(error: Error): boolean {
  return /^(READONLY|MASTERDOWN)/.test(error.message)
}

interface Address {
  readonly host: string
  readonly port: number
}

function addressOf({ host, port }: Address, ordinaryPort: number): Address {
  return { host, port: port || ordinaryPort }
}

function tlsOptions({ protocol }: URL, { caFile, certFile, keyFile }: Settings): ConnectionOptions | undefined {
  if (protocol !== 'rediss:') return undefined
  return { ...(caFile && { ca: readPem(caFile) }), ...(certFile && { cert: readPem(certFile) }), ...(keyFile && { key: readPem(keyFile) }) }
}

function readPem(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (cause) {
    throw new SluiceError('config.invalid', { detail: `${file} cannot be read`, cause })
  }
}
