/** A response from what is kept: with its age, as far as the request's conditions and range ask for it (RFC 9111 §4, RFC 9110 §13, §14). */
import type { StoredResponse } from '@sluice/cache-stores/cache-store'
import { byteRange, HeaderFields, isNotModified, rangeCounts } from '@sluice/http'

export interface StoredAnswer {
  readonly status: number
  /** Flat; for this answer alone. */
  readonly fields: string[]
  /** Undefined: none is sent. */
  readonly body: Buffer | undefined
}

/** The request's method, and its fields as the client sent them. */
export interface AnsweredRequest {
  readonly method: string
  readonly headers: HeaderFields
}

/** RFC 9110 §15.4.5; `Age` and what the gateway adds to every response besides. */
const ofNotModified: ReadonlySet<string> = new Set(['cache-control', 'content-location', 'date', 'etag', 'expires', 'vary', 'last-modified'])
const bodiless: ReadonlySet<number> = new Set([204, 304])

export function answerFrom(stored: StoredResponse, { method, headers }: AnsweredRequest, nowMs: number): StoredAnswer {
  const age = ['Age', String(ageSeconds(stored, nowMs))]
  if (stored.status === 200) {
    const kept = new HeaderFields([...stored.fields])
    if (isNotModified(headers, kept)) return { status: 304, fields: [...only(stored.fields, ofNotModified), ...age], body: undefined }
    const range = method === 'GET' ? headers.get('range') : undefined
    if (range !== undefined && rangeCounts(headers, kept)) {
      const part = partOf(stored, range, age)
      if (part !== undefined) return part
    }
  }
  const fields = [...stored.fields, ...age]
  if (bodiless.has(stored.status)) return { status: stored.status, fields, body: undefined }
  fields.push('Content-Length', String(stored.body.length))
  return { status: stored.status, fields, body: method === 'HEAD' ? undefined : stored.body }
}

/** Whole seconds (§4.2.3, §5.1). */
export function ageSeconds({ initialAgeMs, receivedAtMs }: Pick<StoredResponse, 'initialAgeMs' | 'receivedAtMs'>, nowMs: number): number {
  return Math.floor((initialAgeMs + Math.max(0, nowMs - receivedAtMs)) / 1000)
}

function partOf({ fields, body }: StoredResponse, value: string, age: readonly string[]): StoredAnswer | undefined {
  const range = byteRange(value, body.length)
  if (range === undefined) return undefined
  if (range === 'unsatisfiable') return { status: 416, fields: ['Content-Range', `bytes */${body.length}`, 'Content-Length', '0', ...age], body: undefined }
  const part = body.subarray(range.first, range.last + 1)
  return { status: 206, fields: [...fields, ...age, 'Content-Range', `bytes ${range.first}-${range.last}/${body.length}`, 'Content-Length', String(part.length)], body: part }
}

function only(fields: readonly string[], names: ReadonlySet<string>): string[] {
  const chosen: string[] = []
  for (let at = 0; at < fields.length; at += 2) if (names.has(fields[at]!.toLowerCase())) chosen.push(fields[at]!, fields[at + 1]!)
  return chosen
}
