import { deltaBetween, documentOf, readLine, type SegmentedConfig, upstream, withReferencesResolved, type Upstream } from '@sluice/proto/config'
import { z } from 'zod'

const relevant = z.object({ upstreams: z.record(z.string(), upstream).default({}) })

/**
 * The upstreams of a revision, references resolved. The rest of it is not looked at, so that a revision with
 * settings of a newer version elsewhere is still followed. Throws when it is no such document.
 */
export function upstreamsOf(config: SegmentedConfig): Record<string, Upstream> {
  const lines = [...config.lines()].filter(isRelevant).map(readLine)
  const { upstreams, secrets } = documentOf(lines.map(({ key, value }) => [key, value]))
  return relevant.parse(withReferencesResolved({ upstreams }, secrets ?? {})).upstreams
}

/** Whether anything that discovery reads differs; most changes are of routes. */
export function differInUpstreams(before: SegmentedConfig, after: SegmentedConfig): boolean {
  return deltaBetween(before, after).some(isRelevant)
}

function isRelevant(line: string): boolean {
  return line.startsWith('["upstreams/') || line.startsWith('["secrets/')
}
