import { z } from 'zod'
import { everyPolicy } from '../every-policy.ts'
import type { PolicySchema } from '../policy.ts'

const settings = z.strictObject({
  ...everyPolicy,
  delayMs: z.int().min(0).max(60_000).default(0).describe('How long such a request is held before it goes on, or is answered.'),
  abortStatus: z.int().min(400).max(599).optional().describe('The status such a request is answered with, in the gateway\'s error format; left out: it goes on.'),
  percent: z.number().min(0).max(100).default(100).describe('How many requests it befalls, drawn anew for each.'),
})

export type FaultSettings = z.output<typeof settings>

export const schema: PolicySchema<FaultSettings> = {
  name: 'fault',
  settings,
  hooks: ['onRequest', 'onDone'],
  countsOrAsks: true,
  problems: ({ delayMs, abortStatus }) => (delayMs === 0 && abortStatus === undefined ? [{ path: [], message: 'one of "delayMs" and "abortStatus" is needed' }] : []),
}
