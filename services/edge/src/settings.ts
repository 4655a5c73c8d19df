import { availableParallelism, hostname } from 'node:os'
import { listenAddress } from '@sluice/proto/config'
import { commaList, distributedSettings, flag, nameServers, redisSettings, wholeNumber } from '@sluice/service-kit'
import { z } from 'zod'

/** Everything an edge process reads from its environment. Its listeners come from the applied configuration; `listenHttp` and `listenHttps` move their addresses. */
export const edgeSettings = distributedSettings(9100).extend({
  edgeName: z.string().min(1).max(128).default(() => hostname()),
  zone: z.string().default(''),
  datacenter: z.string().default(''),
  workers: wholeNumber.refine((value) => value >= 1 && value <= 256, 'expected 1 to 256').default(() => Math.max(1, availableParallelism() - 1)),
  ...redisSettings,
  globalRedisUrl: commaList.optional(),
  globalRedisTimeoutMs: redisSettings.redisTimeoutMs.unwrap().default(250),
  /** `control`: this edge opens connections to control only, and uses the bus through it. */
  bus: z.enum(['nats', 'control'], 'expected nats or control').default('nats'),
  controlUrls: commaList.default([]),
  controlToken: z.string().optional(),
  configVerifyKeys: z.string().min(1).optional(),
  listenHttp: listenAddress.optional(),
  listenHttps: listenAddress.optional(),
  shedLagMs: wholeNumber.default(500),
  cacheMb: wholeNumber.default(64),
  reusePort: flag.default(false),
  dnsServers: nameServers.default([]),
})

export type EdgeSettings = z.output<typeof edgeSettings>
