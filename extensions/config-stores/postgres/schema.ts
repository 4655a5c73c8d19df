import { postgresSettings } from '@sluice/databases/postgres-settings'
import { z } from 'zod'

const days = z.int().min(1).max(36_500)

export const schema = {
  name: 'postgres',
  summary: 'A PostgreSQL database, shared by any number of controls.',
  settings: z.strictObject({
    ...postgresSettings,
    auditRetentionDays: days.default(365).describe('Days that audit entries are kept.'),
    edgeRetentionDays: days.default(7).describe('Days that an edge is remembered after its last heartbeat.'),
    eventRetentionDays: days.default(35).describe('Days that events are kept.'),
  }),
}

export type PostgresSettings = z.input<typeof schema.settings>
