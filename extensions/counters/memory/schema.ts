import { z } from 'zod'

export const schema = {
  name: 'memory',
  summary: 'In this process; exact for as long as it lives.',
  settings: z.strictObject({
    maxKeys: z.int().min(1).max(10_000_000).default(1_000_000).describe('Keys kept at once, about 150 bytes each; beyond them the one not used for longest is forgotten and starts full.'),
  }),
} as const

export type MemoryCountersSettings = z.input<typeof schema.settings>
