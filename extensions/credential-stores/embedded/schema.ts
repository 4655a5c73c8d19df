import { z } from 'zod'

export const schema = {
  name: 'embedded',
  summary: 'One SQLite file beside one auth.',
  settings: z
    .strictObject({
      directory: z.string().min(1).optional().describe('Folder of the file `credentials.sqlite`; made when missing. Either this or `file`.'),
      file: z.string().min(1).optional().describe('The file itself. Either this or `directory`.'),
      busyMs: z.int().min(0).max(60_000).default(2000).describe('Milliseconds that opening waits for another process to let go of the file; 0 does not wait.'),
      changesKept: z.int().min(1).max(1_000_000).default(10_000).describe('Changes that stay in the log of a scope, for edges that have to catch up.'),
    })
    .refine((settings) => (settings.directory === undefined) !== (settings.file === undefined), 'exactly one of directory and file is needed'),
}

export type EmbeddedSettings = z.input<typeof schema.settings>
