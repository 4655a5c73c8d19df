import { z } from 'zod'
import { everyPolicy } from '../every-policy.ts'
import { choiceOf, settingNotBuilt } from '../not-built.ts'
import type { PolicySchema } from '../policy.ts'

/** Limits when none is set: of a known consumer, and of anybody else. */
export const defaultConsumerLimit = 1000
export const defaultAnonymousLimit = 100

const keyNames = '"consumer", "ip", "route", "header:NAME" or "claim:NAME"'
const keyList = `${keyNames}, or a list of them`
const keyPart = z.string().regex(/^(consumer|ip|route|header:[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}|claim:.{1,128})$/, keyNames)

const settings = z.strictObject({
  ...everyPolicy,
  algorithm: choiceOf(['token-bucket'], ['leaky-bucket', 'fixed-window', 'sliding-window', 'sliding-window-log'])
    .default('token-bucket')
    .describe('The bucket refills by `limit` a window, evenly, up to `burst`. `leaky-bucket`, `fixed-window`, `sliding-window` and `sliding-window-log` are not built yet.'),
  limit: z.int().min(1).max(1_000_000_000).optional().describe('Requests a window, for each key; left out: 1000 for a consumer, 100 otherwise.'),
  windowSeconds: z.int().min(1).max(31_536_000).default(60).describe('Length of the window.'),
  burst: z.int().min(1).max(1_000_000_000).optional().describe('Requests that may come at once; left out: `limit`.'),
  key: z
    .union([keyPart, z.array(keyPart).min(1, keyList).max(8)], keyList)
    .optional()
    .describe('What is counted apart: `consumer` (the address where there is none), `ip` (IPv6 by /64), `route`, `header:NAME`, `claim:NAME`, or a list of them together; left out: `consumer`.'),
  cost: z.int().min(1).max(1_000_000).default(1).describe('What one request takes; at most `burst`.'),
  mode: choiceOf(['auto', 'exact', 'local'], ['leased'])
    .default('auto')
    .describe('`exact`: one count for all edges and workers. `local`: each worker counts for itself. `auto`: exact below 50 requests a second of a key, above it each worker takes chunks of the same count ahead; neither ever admits more than the limit. `leased` is not built yet.'),
  scope: choiceOf(['dc'], ['az', 'global']).default('dc').describe('How far a count reaches: the datacenter. `az` and `global` are not built yet.'),
  maxWaitMs: settingNotBuilt('maxWaitMs'),
  failure: z
    .enum(['open', 'local', 'closed'])
    .default('local')
    .describe('While the counters are away: `open` admits, `local` lets each worker count its part, `closed` answers 503.'),
})

export type RateLimitSettings = z.output<typeof settings>

export function keyParts({ key }: RateLimitSettings): readonly string[] {
  return key === undefined ? ['consumer'] : typeof key === 'string' ? [key] : key
}

export const schema: PolicySchema<RateLimitSettings> = {
  name: 'rate-limit',
  settings,
  hooks: ['onRequest'],
  early: (value) => keyParts(value).every((part) => part !== 'consumer' && !part.startsWith('claim:')),
  problems({ cost, burst, limit }) {
    const most = burst ?? limit ?? defaultAnonymousLimit
    return cost <= most ? [] : [{ path: ['cost'], message: `a request that takes ${cost} would never pass a bucket of ${most}` }]
  },
}
