import { z } from 'zod'
import { everyPolicy } from '../every-policy.ts'
import { limitKey, needsNoIdentity } from '../limit-key-setting.ts'
import type { LimitAlgorithm, PolicySchema } from '../policy.ts'

/** Limits when none is set: of a known consumer, and of anybody else. */
export const defaultConsumerLimit = 1000
export const defaultAnonymousLimit = 100
export const defaultMaxWaitMs = 1000

/** A log keeps an entry for each request, so its limit is bounded; that of the counters is the same. */
const maxLogged = 10_000

const settings = z.strictObject({
  ...everyPolicy,
  algorithm: z
    .enum(['token-bucket', 'leaky-bucket', 'fixed-window', 'sliding-window', 'sliding-window-log'])
    .default('token-bucket')
    .describe('How requests are counted: the table above.'),
  limit: z.int().min(1).max(1_000_000_000).optional().describe(`Requests a window, for each key; left out: ${defaultConsumerLimit} for a consumer, ${defaultAnonymousLimit} otherwise. At most ${maxLogged} for \`sliding-window-log\`.`),
  windowSeconds: z.int().min(1).max(31_536_000).default(60).describe('Length of the window.'),
  burst: z.int().min(1).max(1_000_000_000).optional().describe('Requests that may come at once, for the two buckets; left out: `limit`.'),
  key: limitKey,
  cost: z.number().min(0).max(1_000_000).default(1).describe('What one request takes; at most `burst`, or `limit` where there is no bucket. Whole for `sliding-window-log`.'),
  mode: z
    .enum(['auto', 'exact', 'leased', 'local'])
    .default('auto')
    .describe('`exact`: one count for all edges and workers, asked for each request. `leased`: each worker takes chunks of the same count ahead (token bucket; other algorithms are exact). `auto`: exact below 50 requests a second of a key in a worker, leased above. None of these ever admits more than the limit. `local`: each worker counts for itself.'),
  scope: z.enum(['dc', 'az', 'global']).default('dc').describe('How far a count reaches: the datacenter, an availability zone of it (`az`), or all datacenters (`global`).'),
  maxWaitMs: z.int().min(0).max(60_000).optional().describe(`How long a request may wait for its turn, for \`leaky-bucket\`; left out: ${defaultMaxWaitMs}.`),
  failure: z
    .enum(['open', 'local', 'closed'])
    .default('local')
    .describe('While the counters are away: `open` admits, `local` lets each worker count its part, `closed` answers 503.'),
})

export type RateLimitSettings = z.output<typeof settings>

export function hasBucket(algorithm: LimitAlgorithm): boolean {
  return algorithm === 'token-bucket' || algorithm === 'leaky-bucket'
}

type Problem = { path: string[]; message: string }

export const schema: PolicySchema<RateLimitSettings> = {
  name: 'rate-limit',
  settings,
  hooks: ['onRequest', 'onDone'],
  countsOrAsks: true,
  early: needsNoIdentity,
  problems: (value) => [...costProblems(value), ...settingProblems(value), ...logProblems(value)],
}

function costProblems({ algorithm, cost, burst, limit }: RateLimitSettings): Problem[] {
  const isBucket = hasBucket(algorithm)
  const most = (isBucket ? burst : undefined) ?? limit ?? defaultAnonymousLimit
  return cost <= most ? [] : [{ path: ['cost'], message: `a request that takes ${cost} would never pass a ${isBucket ? 'bucket' : 'limit'} of ${most}` }]
}

/** A setting that means nothing beside the others was meant to do something. */
function settingProblems({ algorithm, burst, maxWaitMs }: RateLimitSettings): Problem[] {
  const problems: Problem[] = []
  if (burst !== undefined && !hasBucket(algorithm)) problems.push({ path: ['burst'], message: `${algorithm} has no bucket; "limit" is all that may come at once` })
  if (maxWaitMs !== undefined && algorithm !== 'leaky-bucket') problems.push({ path: ['maxWaitMs'], message: `only leaky-bucket lets requests wait, not ${algorithm}` })
  return problems
}

function logProblems({ algorithm, limit, cost }: RateLimitSettings): Problem[] {
  if (algorithm !== 'sliding-window-log') return []
  const problems: Problem[] = []
  if ((limit ?? 0) > maxLogged) problems.push({ path: ['limit'], message: `sliding-window-log keeps every request of a window: ${maxLogged} at most; sliding-window counts more of them` })
  if (!Number.isInteger(cost)) problems.push({ path: ['cost'], message: `sliding-window-log counts whole requests, not ${cost}` })
  return problems
}
