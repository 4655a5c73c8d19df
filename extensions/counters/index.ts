/** Every place to count in. A process loads only the one that its settings name. */
import { schema as memory } from './memory/schema.ts'
import { schema as redis } from './redis/schema.ts'

export const counters = [
  { ...memory, load: () => import('./memory/memory.ts') },
  { ...redis, load: () => import('./redis/redis.ts') },
] as const

type Listed = (typeof counters)[number]

/** The entry of that name, with the type of what it loads. */
export function countersNamed<N extends Listed['name']>(name: N): Extract<Listed, { name: N }> {
  return counters.find((entry) => entry.name === name) as Extract<Listed, { name: N }>
}
