import { redisConnectionSettings } from '@sluice/databases/redis-settings'
import type { z } from 'zod'

export const schema = {
  name: 'redis',
  summary: 'In Redis or Valkey, one count for all edges.',
  settings: redisConnectionSettings,
} as const

export type RedisCountersSettings = z.input<typeof schema.settings>
