import { postgresSettings } from '@sluice/databases/postgres-settings'
import { z } from 'zod'

export const schema = {
  name: 'postgres',
  summary: 'A PostgreSQL database, shared by any number of auths.',
  settings: z.strictObject({
    ...postgresSettings,
    changesKept: z.int().min(1).max(1_000_000).default(10_000).describe('Changes that stay in the log of a scope, for edges that have to catch up.'),
  }),
}

export type PostgresSettings = z.input<typeof schema.settings>
