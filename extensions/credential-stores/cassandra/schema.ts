import { connectionSettings, isWholeLogin } from '@sluice/databases/cassandra-settings'
import { z } from 'zod'

export const schema = {
  name: 'cassandra',
  summary: 'A Cassandra keyspace, shared by any number of auths in any number of datacenters.',
  settings: z
    .strictObject(connectionSettings)
    .refine(isWholeLogin, 'user and password go together'),
}

export type CassandraSettings = z.input<typeof schema.settings>
