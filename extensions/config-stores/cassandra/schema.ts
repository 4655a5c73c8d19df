import { connectionSettings, isWholeLogin } from '@sluice/databases/cassandra-settings'
import { z } from 'zod'

const days = z.int().min(1).max(7000)

export const schema = {
  name: 'cassandra',
  summary: 'A Cassandra keyspace, shared by any number of controls in any number of datacenters.',
  settings: z
    .strictObject({
      ...connectionSettings,
      auditRetentionDays: days.default(365).describe('Days that audit entries are kept.'),
      edgeRetentionDays: days.default(7).describe('Days that an edge is remembered after its last heartbeat.'),
      eventRetentionDays: days.default(35).describe('Days that events are kept.'),
    })
    .refine(isWholeLogin, 'user and password go together'),
}

export type CassandraSettings = z.input<typeof schema.settings>
