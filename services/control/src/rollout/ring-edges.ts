import { createHash } from 'node:crypto'
import type { RolloutSettings } from '@sluice/proto/config'

/**
 * The live edges that a ring has, by name: always the same ones of the same edges, spread over them by a hash of their names,
 * and those of a smaller ring among those of a larger one. Undefined: it is everybody.
 */
export function ringEdges(live: readonly string[], { edges, percent = 0 }: RolloutSettings['rings'][number]): string[] | undefined {
  const count = Math.max(1, edges ?? Math.ceil((live.length * percent) / 100))
  if (count >= live.length) return undefined
  return live.map((name) => [createHash('sha256').update(name).digest('hex'), name] as const).sort().slice(0, count).map(([, name]) => name).sort()
}
