import { z } from 'zod'

export const schema = {
  name: 'memory',
  summary: 'In this process; exact for as long as it lives.',
  settings: z.strictObject({
    file: z.string().min(1).optional().describe('An SQLite file in which windows of a day and longer are kept; made when missing, one process has it at a time. Left out: nothing is kept.'),
    maxKeys: z.int().min(1).max(10_000_000).default(1_000_000).describe('Keys kept at once, about 200 bytes each; beyond them the one not used for longest is forgotten and starts full.'),
    maxLogEntries: z.int().min(10_000).max(100_000_000).default(5_000_000).describe('Requests that `sliding-window-log` limits remember at once, 16 bytes each; beyond them the log not used for longest is forgotten.'),
  }),
} as const

export type MemoryCountersSettings = z.input<typeof schema.settings>
