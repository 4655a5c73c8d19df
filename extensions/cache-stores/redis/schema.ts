import { redisConnectionSettings } from '@sluice/databases/redis-settings'
import type { z } from 'zod'

export const schema = {
  name: 'redis',
  summary: 'In Redis or Valkey, for all edges together, behind the memory of each worker.',
  settings: redisConnectionSettings,
} as const

export type RedisCacheSettings = z.input<typeof schema.settings>
