import { z } from 'zod'

const contactPoint = z.string().regex(/^(?:\[[0-9a-fA-F:]+\]|[^\s:,[\]]+)(?::\d{1,5})?$/, 'must look like host or host:9042')

/** How a store reaches its keyspace; the stores add what is their own. */
export const connectionSettings = {
  contactPoints: z
    .union([z.string().transform((list) => list.split(',').map((item) => item.trim())), z.array(z.string())])
    .pipe(z.array(contactPoint).min(1))
    .describe('`host[:port]` [port 9042] of nodes to ask first: a list, or one string with commas.'),
  localDatacenter: z.string().min(1).describe('The datacenter, by Cassandra’s name for it, whose nodes are read from.'),
  keyspace: z.string().regex(/^[a-z][a-z0-9_]{0,47}$/, 'must be small letters, digits and _').default('sluice').describe('Made when missing.'),
  user: z.string().min(1).optional().describe('For password authentication, with `password`.'),
  password: z.string().optional(),
  ca: z.string().min(1).optional().describe('Path of the authorities’ certificates (PEM); given, TLS is used and the nodes’ certificates are checked.'),
  replication: z
    .string()
    .regex(/^[^\s:,']+:[1-9]\d?(?:,[^\s:,']+:[1-9]\d?)*$/, 'must look like dc1:3,dc2:3')
    .optional()
    .describe('Copies in each datacenter, for a keyspace that has to be made [one in the local datacenter, with a warning].'),
}

/** A user comes with a password. */
export function isWholeLogin(settings: { user?: string | undefined; password?: string | undefined }): boolean {
  return (settings.user === undefined) === (settings.password === undefined)
}

const shape = z.object(connectionSettings)
export type ConnectionSettings = z.output<typeof shape>
