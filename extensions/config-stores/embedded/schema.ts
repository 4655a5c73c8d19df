import { z } from 'zod'

const retentionDays = z.int().min(1).max(36_500)

export const schema = {
  name: 'embedded',
  summary: 'One SQLite file beside one control.',
  settings: z
    .strictObject({
      directory: z.string().min(1).optional().describe('Folder of the file `config.sqlite`; made when missing. Either this or `file`.'),
      file: z.string().min(1).optional().describe('The file itself. Either this or `directory`.'),
      busyMs: z.int().min(0).max(60_000).default(2000).describe('Milliseconds that opening waits for another process to let go of the file; 0 does not wait.'),
      auditRetentionDays: retentionDays.default(365).describe('Days that audit entries are kept.'),
      edgeRetentionDays: retentionDays.default(7).describe('Days that an edge is remembered after its last heartbeat.'),
      eventRetentionDays: retentionDays.default(35).describe('Days that events are kept.'),
    })
    .refine((settings) => (settings.directory === undefined) !== (settings.file === undefined), 'exactly one of directory and file is needed'),
}

export type EmbeddedSettings = z.input<typeof schema.settings>
