/** Every bus there is. A process loads only the one that its settings name. */
import { schema as control } from './control/schema.ts'
import { schema as local } from './local/schema.ts'
import { schema as nats } from './nats/schema.ts'

export const buses = [
  { ...control, load: () => import('./control/control.ts') },
  { ...local, load: () => import('./local/local.ts') },
  { ...nats, load: () => import('./nats/nats.ts') },
] as const

type Listed = (typeof buses)[number]

/** The entry of that name, with the type of what it loads. */
export function busNamed<N extends Listed['name']>(name: N): Extract<Listed, { name: N }> {
  return buses.find((entry) => entry.name === name) as Extract<Listed, { name: N }>
}
