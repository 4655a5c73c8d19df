import { z } from 'zod'

const settings = z.strictObject({
  file: z.string().min(1).describe('Where the lines go; folders are made as needed.'),
  rotateMb: z.number().min(1).max(100_000).default(100).describe('Size in MB (10^6 bytes) at which the file is put aside and a new one begun; checked once a second.'),
  retentionDays: z.int().min(1).max(3650).default(30).describe('Days after its last line that a file put aside is removed.'),
})

/** Lines appended to a file that several processes share. */
export const schema = { name: 'file', settings } as const

export type FileSettings = z.output<typeof settings>
