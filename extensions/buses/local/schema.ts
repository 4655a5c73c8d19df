import { z } from 'zod'

export const schema = {
  name: 'local',
  summary: 'Inside one process; its workers join through the relay.',
  settings: z.strictObject({
    maxPending: z.int().min(1).default(65_536).describe('Messages that may wait to be delivered; what comes on top is dropped and counted.'),
  }),
} as const

export type LocalBusSettings = z.input<typeof schema.settings>
