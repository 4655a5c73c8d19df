/** Every place to keep responses in. A process loads only those that its settings name. */
import { schema as memory } from './memory/schema.ts'
import { schema as redis } from './redis/schema.ts'

export const cacheStores = [
  { ...memory, load: () => import('./memory/memory.ts') },
  { ...redis, load: () => import('./redis/redis.ts') },
] as const

type Listed = (typeof cacheStores)[number]

/** The entry of that name, with the type of what it loads. */
export function cacheStoreNamed<N extends Listed['name']>(name: N): Extract<Listed, { name: N }> {
  return cacheStores.find((entry) => entry.name === name) as Extract<Listed, { name: N }>
}
