/**
 * A revision in parts that can be told apart by their digests. Each entity is one line, `["key",value]` as canonical
 * JSON; it stands in one of 256 segments by a hash of its key, in the order of the lines' keys; a segment's digest is
 * over its text, and the revision's over those of its segments. So one changed entity makes one new segment, two
 * sides find out what differs by comparing digests, and nobody has to read a line that did not change.
 *
 * A delta is lines as well: `["key",value]` puts one in place, `["key"]` takes it away.
 */
import { hash } from 'node:crypto'
import { canonicalJson } from './canonical.ts'
import type { Entity } from './entities.ts'

export const segmentCount = 256

export interface Segment {
  /** SHA-256 of the text as UTF-8, lower-case hex. */
  readonly digest: string
  readonly text: string
}

export const emptySegment: Segment = makeSegment('')

/** One revision's content; never changed, an edit shares the segments that it leaves alone. */
export class SegmentedConfig {
  readonly segments: readonly Segment[]
  /** SHA-256 over the segments' digests in order, each followed by a line end. */
  readonly digest: string

  constructor(segments: readonly Segment[]) {
    if (segments.length !== segmentCount) throw new RangeError(`a revision has ${segmentCount} segments, not ${segments.length}`)
    this.segments = segments
    this.digest = rootDigest(segments.map((segment) => segment.digest))
  }

  static of(entities: Iterable<Entity>): SegmentedConfig {
    return SegmentedConfig.ofLines([...entities].map(([key, value]) => [key, lineOf(key, value)]))
  }

  /** Of all the lines there are, each with its key; of several with one key the last counts. Far cheaper than `with`. */
  static ofLines(lines: Iterable<readonly [key: string, line: string]>): SegmentedConfig {
    const bySegment = Array.from({ length: segmentCount }, () => new Map<string, string>())
    for (const [key, line] of lines) bySegment[segmentOf(key)]!.set(JSON.stringify(key), line)
    return new SegmentedConfig(bySegment.map((own) => (own.size === 0 ? emptySegment : makeSegment(textOfLines([...own.keys()].sort().map((key) => own.get(key)!))))))
  }

  /** With the lines of a delta applied. Throws a `SyntaxError` for a line that is none. */
  with(delta: readonly string[]): SegmentedConfig {
    if (delta.length === 0) return this
    const changes = new Map<number, Map<string, string>>()
    for (const line of delta) {
      const key = lineKey(line)
      const index = segmentOf(JSON.parse(key) as string)
      const own = changes.get(index) ?? new Map<string, string>()
      own.set(key, line)
      changes.set(index, own)
    }
    const segments = [...this.segments]
    const effective: string[] = []
    for (const [index, lines] of changes) segments[index] = changed(segments[index]!, lines, effective)
    if (effective.length === 0) return this
    const made = new SegmentedConfig(segments)
    remember(this, made, effective)
    return made
  }

  /** Every line, segment by segment. */
  *lines(): Generator<string> {
    for (const { text } of this.segments) yield* linesOf(text)
  }

  *entities(): Generator<Entity> {
    for (const line of this.lines()) yield JSON.parse(line) as [string, unknown]
  }

  /** The value of one entity; undefined when there is none. */
  get(key: string): unknown {
    const keyText = JSON.stringify(key)
    const { text } = this.segments[segmentOf(key)]!
    const start = text.startsWith(`[${keyText},`) ? 0 : text.indexOf(`\n[${keyText},`) + 1
    if (start === 0 && !text.startsWith(`[${keyText},`)) return undefined
    return (JSON.parse(text.slice(start, text.indexOf('\n', start))) as [string, unknown])[1]
  }

  /** Of all lines, in characters. */
  get size(): number {
    return this.segments.reduce((sum, { text }) => sum + text.length, 0)
  }
}

/** More lines than this are not remembered: they would be kept for as long as the content is. */
const maxRemembered = 10_000
/** What led to a content, as it was made or asked last: an edge asks for it for its disk, its guard and each of its workers. */
const remembered = new WeakMap<SegmentedConfig, { readonly from: WeakRef<SegmentedConfig>; readonly delta: readonly string[] }>()

function remember(from: SegmentedConfig, to: SegmentedConfig, delta: readonly string[]): void {
  if (delta.length <= maxRemembered) remembered.set(to, { from: new WeakRef(from), delta })
}

/** What makes `to` of `from`, as lines. Looks only into segments that differ. */
export function deltaBetween(from: SegmentedConfig, to: SegmentedConfig): readonly string[] {
  const known = remembered.get(to)
  if (known !== undefined && known.from.deref() === from) return known.delta
  const delta: string[] = []
  for (const [index, before] of from.segments.entries()) {
    const after = to.segments[index]!
    if (before === after || before.digest === after.digest) continue
    const old = new Map(linesOf(before.text).map((line) => [lineKey(line), line]))
    for (const line of linesOf(after.text)) {
      const key = lineKey(line)
      if (old.get(key) !== line) delta.push(line)
      old.delete(key)
    }
    for (const key of old.keys()) delta.push(`[${key}]`)
  }
  remember(from, to, delta)
  return delta
}

/** The segment that an entity of this key stands in: FNV-1a over its UTF-16 code units, folded to eight bits. */
export function segmentOf(key: string): number {
  let sum = 0x811c9dc5
  for (let index = 0; index < key.length; index++) sum = Math.imul(sum ^ key.charCodeAt(index), 0x01000193)
  return ((sum >>> 24) ^ (sum >>> 16) ^ (sum >>> 8) ^ sum) & 0xff
}

export function lineOf(key: string, value: unknown): string {
  return value === undefined ? `[${JSON.stringify(key)}]` : `[${JSON.stringify(key)},${canonicalJson(value)}]`
}

/** The key and, unless the line takes it away, the value. Throws a `SyntaxError`. */
export function readLine(line: string): { key: string; value: unknown } {
  const read = JSON.parse(line) as unknown
  if (!Array.isArray(read) || typeof read[0] !== 'string' || read.length > 2) throw new SyntaxError('no line of a configuration')
  return { key: read[0], value: read[1] }
}

/** A text of lines, each with its end, as the lines. */
export function linesOf(text: string): string[] {
  if (text === '') return []
  return text.slice(0, text.endsWith('\n') ? -1 : undefined).split('\n')
}

export function textOfLines(lines: readonly string[]): string {
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`
}

export function makeSegment(text: string): Segment {
  return { digest: hash('sha256', text, 'hex'), text }
}

export function rootDigest(digests: readonly string[]): string {
  return hash('sha256', `${digests.join('\n')}\n`, 'hex')
}

/** The key as it is written in the line, quotes included. Throws a `SyntaxError`. */
export function lineKey(line: string): string {
  if (!line.startsWith('["')) throw new SyntaxError('no line of a configuration')
  for (let end = line.indexOf('"', 2); end > 0; end = line.indexOf('"', end + 1)) {
    let slashes = 0
    while (line[end - 1 - slashes] === '\\') slashes++
    if (slashes % 2 === 0) return line.slice(1, end + 1)
  }
  throw new SyntaxError('no line of a configuration')
}

/** `effective` gets the lines that made a difference. */
function changed(segment: Segment, changes: ReadonlyMap<string, string>, effective: string[]): Segment {
  const { text } = segment
  const before = effective.length
  const lines = linesOf(text)
  const keys = lines.map(lineKey)
  const added: string[] = []
  for (const [key, line] of changes) {
    const place = placeOf(keys, key)
    const isThere = keys[place] === key
    const isRemoval = line.length === key.length + 2
    if (isThere ? lines[place] === line : isRemoval) continue
    effective.push(line)
    if (isThere) lines[place] = isRemoval ? '' : line
    else added.push(line)
  }
  if (effective.length === before) return segment
  const kept = lines.filter((line) => line !== '')
  return makeSegment(textOfLines(added.length === 0 ? kept : inOrder([...kept, ...added])))
}

function inOrder(lines: string[]): string[] {
  const keyed = lines.map((line) => [lineKey(line), line] as const)
  return keyed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, line]) => line)
}

/** Where the key stands, or would, in a sorted list. */
function placeOf(keys: readonly string[], key: string): number {
  let low = 0
  for (let high = keys.length; low < high; ) {
    const middle = (low + high) >> 1
    if (keys[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}

export const emptyConfig: SegmentedConfig = new SegmentedConfig(Array.from({ length: segmentCount }, () => emptySegment))
