import { z } from 'zod'

export const schema = {
  name: 'memory',
  summary: 'In the process of a worker, which has it for itself; at once, and gone with it.',
  settings: z.strictObject({
    maxBytes: z.int().min(0).max(2 ** 40).describe('What all responses may take together, with what is kept beside them; those used longest ago go first. 0 keeps none.'),
  }),
} as const

export type MemoryCacheSettings = z.input<typeof schema.settings>
