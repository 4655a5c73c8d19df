import { z } from 'zod'
import { everyPolicy } from '../every-policy.ts'
import { limitKey, needsNoIdentity } from '../limit-key-setting.ts'
import type { PolicySchema } from '../policy.ts'

const settings = z.strictObject({
  ...everyPolicy,
  limit: z.int().min(1).max(1_000_000).describe('Requests that may be open at once, for each key.'),
  key: limitKey,
})

export type ConcurrencyLimitSettings = z.output<typeof settings>

export const schema: PolicySchema<ConcurrencyLimitSettings> = {
  name: 'concurrency-limit',
  settings,
  hooks: ['onRequest', 'onDone'],
  countsOrAsks: true,
  early: needsNoIdentity,
}
