/** What of a revision is written to the store: all of it, or what differs from one that lies there already. */
import type { SegmentedConfig } from '@sluice/proto/config'
import { lineKey } from '@sluice/proto/config'

/** How a revision lies in the store, for the next one to be written beside it. */
export interface Storage {
  /** The revision that its lines are to be applied to; 0: they are all there are. */
  readonly base: number
  /** Bodies to read before its own. */
  readonly depth: number
  /** Its lines by key, when there is a base. */
  readonly lines: ReadonlyMap<string, string>
}


/** Smaller ones are written whole each time: nothing is simpler to read. */
const wholeBelow = 64 * 1024
/** Lines in characters beyond which the next revision stands on this one, not on this one's base. */
const maxLines = 64 * 1024
/** How many bodies at most are read for one revision. */
const maxDepth = 16

/** `delta` leads from the revision before, which lies as `before` says, to `config`. */
export function storeBeside(before: { readonly revision: number; readonly storage: Storage } | undefined, config: SegmentedConfig, delta: readonly string[]): Storage {
  const whole: Storage = { base: 0, depth: 0, lines: new Map() }
  const { size } = config
  if (before === undefined || size <= wholeBelow || sizeOf(delta) > size / 2) return whole
  const { base, depth, lines } = before.storage
  const since = new Map(base === 0 ? [] : lines)
  for (const line of delta) since.set(lineKey(line), line)
  if (base > 0 && sizeOf(since.values()) <= maxLines) return { base, depth, lines: since }
  if (depth + 1 >= maxDepth) return whole
  return { base: before.revision, depth: depth + 1, lines: new Map(delta.map((line) => [lineKey(line), line])) }
}

function sizeOf(lines: Iterable<string>): number {
  let size = 0
  for (const line of lines) size += line.length
  return size
}
