/** How Redis or Valkey is reached: a server, the primary that sentinels name, or a cluster. */
import { z } from 'zod'

const error = 'must look like redis://host:6379 or rediss://host:6379, or be a list of such'
const address = z.string().regex(/^rediss?:\/\/[^\s/]+(?:\/\d+)?\/?$/)
const path = z.string().min(1)

/** The settings of whatever keeps something there; each call has a budget, and each key a beginning of its own. */
export const redisConnectionSettings = z
  .strictObject({
    url: z
      .union([address.transform((one) => [one]), z.array(address).min(1)], { error })
      .describe('`redis://`, or `rediss://` for TLS; with `user:password@` before the host and `/number` of the database after it where needed. A list where there are sentinels or a cluster; login and database are then the same in each.'),
    caFile: path.optional().describe('Path of the authorities’ certificates (PEM) for `rediss://`; without it those that Node knows.'),
    certFile: path.optional().describe('Path of the client’s certificate (PEM), for mutual TLS; with `keyFile`.'),
    keyFile: path.optional().describe('Path of the key of that certificate (PEM).'),
    sentinel: z.string().min(1).optional().describe('The name that sentinels know the primary by; `url` then lists the sentinels.'),
    sentinelUser: z.string().min(1).optional().describe('User for the sentinels, where they want one.'),
    sentinelPassword: z.string().min(1).optional().describe('Password for the sentinels, where they want one; the login in `url` is for the servers behind them.'),
    cluster: z.boolean().default(false).describe('Whether `url` lists nodes of a Redis Cluster; some of them are enough.'),
    timeoutMs: z.int().min(1).max(10_000).default(20).describe('Milliseconds that one call may take before it fails.'),
    keyPrefix: z.string().max(100).default('sluice:').describe('Stands before each key, so that a server can be shared.'),
  })
  .superRefine((settings, context) => {
    for (const message of contradictions(settings)) context.addIssue({ code: 'custom', message })
  })

export type RedisConnectionSettings = z.output<typeof redisConnectionSettings>

interface Servers {
  readonly url: readonly string[]
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
  readonly sentinel?: string | undefined
  readonly sentinelUser?: string | undefined
  readonly sentinelPassword?: string | undefined
  readonly cluster: boolean
}

/** What cannot be meant together. */
function contradictions({ url, certFile, keyFile, sentinel, sentinelUser, sentinelPassword, cluster }: Servers): string[] {
  const problems: string[] = []
  if (url.length > 1 && sentinel === undefined && !cluster) problems.push('url: several addresses are those of sentinels (with sentinel) or of a cluster (with cluster)')
  if (sentinel !== undefined && cluster) problems.push('sentinel and cluster: there is one or the other')
  if (sentinel === undefined && (sentinelUser !== undefined || sentinelPassword !== undefined)) problems.push('sentinelUser and sentinelPassword: expected only with sentinel')
  if (sentinelUser !== undefined && sentinelPassword === undefined) problems.push('sentinelUser: expected sentinelPassword with it')
  if ((certFile === undefined) !== (keyFile === undefined)) problems.push('certFile and keyFile: expected both or neither')
  const addresses = url.filter((one) => URL.canParse(one)).map((one) => new URL(one))
  if (new Set(addresses.map(whatIsShared)).size > 1) problems.push('url: scheme, login and database have to be the same in each address')
  if (cluster && addresses.some(({ pathname }) => Number(pathname.slice(1)) > 0)) problems.push('url: a cluster has the database 0 alone')
  return problems
}

function whatIsShared({ protocol, username, password, pathname }: URL): string {
  return JSON.stringify([protocol, username, password, Number(pathname.slice(1))])
}
