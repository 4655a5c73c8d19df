import { z } from 'zod'

export const schema = {
  name: 'embedded',
  summary: 'In this process, with windows of a day and longer kept in a file; for the embedded mode.',
  settings: z.strictObject({
    file: z.string().min(1).describe('The SQLite file; made when missing. One process has it at a time.'),
    maxKeys: z.int().min(1).max(10_000_000).default(1_000_000).describe('Keys in memory at once, apart for windows that are kept and for all else; what is kept comes back from the file.'),
  }),
} as const

export type EmbeddedCountersSettings = z.input<typeof schema.settings>
