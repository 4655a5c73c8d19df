import { z } from 'zod'
import { everyPolicy } from '../every-policy.ts'
import { limitKey, needsNoIdentity } from '../limit-key-setting.ts'
import type { PolicySchema } from '../policy.ts'

const settings = z.strictObject({
  ...everyPolicy,
  limit: z.int().min(1).max(1_000_000_000_000).describe('Tokens a window, for each key.'),
  windowSeconds: z.int().min(1).max(31_536_000).default(60).describe('Length of the window; from a day on its counts outlive a restart, as those of `quota`.'),
  key: limitKey,
  count: z.enum(['total', 'input', 'output']).default('total').describe('Which of the tokens that an answer reports.'),
  reserve: z.int().min(1).max(1_000_000).default(1).describe('Tokens that a request takes before it goes on, settled when its answer has ended; at most `limit`. As much as an answer usually costs keeps requests that run at the same time from using more than is left.'),
  failure: z
    .enum(['open', 'local', 'closed'])
    .default('local')
    .describe('While the counters are away: `open` admits, `local` lets each worker count its part, `closed` answers 503.'),
})

export type AiTokensSettings = z.output<typeof settings>

export const schema: PolicySchema<AiTokensSettings> = {
  name: 'ai-tokens',
  settings,
  hooks: ['onRequest', 'onResponse', 'onResponseBody', 'onDone'],
  countsOrAsks: true,
  early: needsNoIdentity,
  problems: ({ reserve, limit }) => (reserve <= limit ? [] : [{ path: ['reserve'], message: `a request that takes ${reserve} would never pass a limit of ${limit}` }]),
}
