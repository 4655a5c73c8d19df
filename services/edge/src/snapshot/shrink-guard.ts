import type { ConfigRevision } from '@sluice/buses/config-feed'
import { deltaBetween, type SegmentedConfig } from '@sluice/proto/config'

export interface RevisionRefusal {
  readonly revision: number
  readonly digest: string
  readonly code: string
  readonly pointer: string
  readonly detail: string
}

/** Fewer than this may go at once, whatever their share. */
const minGone = 100
const maxShare = 0.2
const routeLine = /^\["routes\//

/** Why a revision that takes away much of what is served is not taken, unless it is meant so; undefined when it is. */
export function shrinkRefusal(current: ConfigRevision, next: ConfigRevision): RevisionRefusal | undefined {
  if (next.forcedRevision > current.revision) return undefined
  const gone = deltaBetween(current.config, next.config).filter((line) => routeLine.test(line) && line.endsWith('"]') && !line.includes('",')).length
  if (gone < minGone) return undefined
  const before = countRoutes(current.config)
  if (gone <= before * maxShare) return undefined
  const { revision, config } = next
  const detail = `Revision ${revision} would take away ${gone} of ${before} routes; \`sluice apply --force\` makes it so all the same`
  return { revision, digest: config.digest, code: 'config.shrinks', pointer: '/routes', detail }
}

function countRoutes(config: SegmentedConfig): number {
  let count = 0
  for (const line of config.lines()) if (routeLine.test(line)) count++
  return count
}
