import { z } from 'zod'
import { everyPolicy } from '../every-policy.ts'
import { limitKey, needsNoIdentity } from '../limit-key-setting.ts'
import type { PolicySchema } from '../policy.ts'

const settings = z.strictObject({
  ...everyPolicy,
  limit: z.int().min(1).max(1_000_000_000_000).describe('Requests a period, for each key.'),
  period: z.enum(['day', 'month']).describe('A day, or a month.'),
  window: z
    .enum(['calendar', 'rolling'])
    .default('calendar')
    .describe('`calendar`: from midnight, or the first of the month, to the next (UTC). `rolling`: the last 24 hours, or 30 days, as the two windows of `sliding-window` estimate them.'),
  key: limitKey,
  cost: z.number().min(0).max(1_000_000).default(1).describe('What one request takes; at most `limit`.'),
  notifyPercents: z.array(z.int().min(1).max(100)).max(8).default([80, 100]).describe('Parts of the quota at which its user is told: each response from there on has `X-Quota-Reached`, and the request that got there is in the edge\'s log and in `/v1/events`. Empty: never.'),
  failure: z
    .enum(['open', 'local', 'closed'])
    .default('local')
    .describe('While the counters are away: `open` admits, `local` lets each worker admit its part of the whole quota, `closed` answers 503.'),
})

export type QuotaSettings = z.output<typeof settings>

export const schema: PolicySchema<QuotaSettings> = {
  name: 'quota',
  settings,
  hooks: ['onRequest'],
  countsOrAsks: true,
  early: needsNoIdentity,
  problems: ({ cost, limit }) => (cost <= limit ? [] : [{ path: ['cost'], message: `a request that takes ${cost} would never pass a quota of ${limit}` }]),
}
