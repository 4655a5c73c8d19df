/**
 * How a revision lies in the store: a first line about it, then lines of entities (`proto/config/segments.ts`), all of
 * them or those that differ from another revision. So a change of one route is a few hundred bytes in the store,
 * however many routes there are. What begins differently was written before there were lines: one JSON document.
 */
import { entitiesOf, isSecretLine, lineOf, linesOf, type RevisionDocumentInput, sealLines, textOfLines, unsealLines } from '@sluice/proto/config'
import type { Sealing } from '@sluice/service-kit'

/** Edges that a revision is tried on before the others. */
export interface Ring {
  /** Which of the rings, from 0. */
  readonly index: number
  /** By name. */
  readonly edges: readonly string[]
  /** The revision that all others run meanwhile, and that is gone back to. */
  readonly stable: number
}

export interface StoredBody {
  /** The revision that the lines are to be applied to; 0 when they are all there are. */
  readonly base: number
  readonly lines: readonly string[]
  /** The newest revision up to it that edges are to take although much of what they serve goes with it; 0: none. */
  readonly forcedRevision: number
  /** Left out, it is for every edge. */
  readonly ring?: Ring | undefined
}

interface FirstLine {
  readonly format: 2
  readonly base: number
  readonly forced?: number
  readonly ring?: Ring
}

/** With a sealing the values of references lie sealed, and nothing else does. */
export function encodeBody({ base, lines, forcedRevision, ring }: StoredBody, sealing?: Sealing | undefined): Uint8Array {
  const first: FirstLine = { format: 2, base, ...(forcedRevision > 0 ? { forced: forcedRevision } : {}), ...(ring !== undefined && { ring }) }
  return Buffer.from(`${JSON.stringify(first)}\n${textOfLines(sealing === undefined ? lines : sealLines(lines, sealing.seal))}`)
}

/** Throws a `SyntaxError` for what nobody wrote as a revision, an `Error` for values that cannot be unsealed. */
export function decodeBody(body: Uint8Array, sealing?: Sealing | undefined): StoredBody {
  const stored = readBody(body)
  return { ...stored, lines: unsealLines(stored.lines, sealing?.unseal ?? cannotUnseal) }
}

function cannotUnseal(): never {
  throw new Error('its values are sealed, and there is no key to read them with (SLUICE_SEALING_KEY)')
}

function readBody(body: Uint8Array): StoredBody {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')
  const end = text.indexOf('\n')
  if (end < 0) return { base: 0, lines: linesOfDocument(text), forcedRevision: 0 }
  const first = JSON.parse(text.slice(0, end)) as Partial<FirstLine>
  if (first.format !== 2 || !Number.isSafeInteger(first.base)) throw new SyntaxError('a revision of a format that this version does not know')
  return { base: first.base!, lines: linesOf(text.slice(end + 1)), forcedRevision: first.forced ?? 0, ...(first.ring !== undefined && { ring: first.ring }) }
}

/** The body without the values of references; undefined when it holds none. */
export function withoutValues(body: Uint8Array): Uint8Array | undefined {
  const stored = readBody(body)
  const lines = stored.lines.filter((line) => !isSecretLine(line))
  return lines.length === stored.lines.length ? undefined : encodeBody({ ...stored, lines })
}

function linesOfDocument(text: string): string[] {
  return entitiesOf(JSON.parse(text) as RevisionDocumentInput).map(([key, value]) => lineOf(key, value))
}
