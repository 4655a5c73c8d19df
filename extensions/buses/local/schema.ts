import { z } from 'zod'

export const schema = {
  name: 'local',
  settings: z.strictObject({
    /** Messages that wait to be delivered; what comes on top is dropped and counted. One turn's worth waits, as a rule. */
    maxPending: z.int().min(1).default(65_536),
  }),
} as const

export type LocalBusSettings = z.input<typeof schema.settings>
