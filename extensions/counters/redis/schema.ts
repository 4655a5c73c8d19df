import { z } from 'zod'

export const schema = {
  name: 'redis',
  summary: 'In Redis or Valkey, one count for all edges.',
  settings: z.strictObject({
    url: z
      .string()
      .regex(/^rediss?:\/\/[^\s/]+(?:\/\d+)?\/?$/, 'must look like redis://host:6379 or rediss://host:6379')
      .describe('`redis://`, or `rediss://` for TLS; with `user:password@` before the host and `/number` of the database after it where needed.'),
    caFile: z.string().min(1).optional().describe('Path of the authorities’ certificates (PEM) for `rediss://`; without it those that Node knows.'),
    timeoutMs: z.int().min(1).max(10_000).default(20).describe('Milliseconds that one call may take before it fails.'),
    keyPrefix: z.string().max(100).default('sluice:').describe('Stands before each key, so that a server can be shared.'),
  }),
} as const

export type RedisCountersSettings = z.input<typeof schema.settings>
