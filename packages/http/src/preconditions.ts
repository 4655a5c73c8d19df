/** What a request makes depend on a representation's validators (RFC 9110 §8.8, §13), answered from one that is at hand. */
import type { HeaderFields } from './header-fields.ts'
import { parseHttpDate } from './http-date.ts'

type Fields = Pick<HeaderFields, 'get' | 'has' | 'getAll'>

/** Spaces in a tag are against the rules (§8.8.3), and sent all the same. */
const entityTag = /\s*(W\/)?("[^"]*")\s*(?:,|$)/gy

/** Whether a GET or HEAD is to be answered 304: its client has what is `stored` (§13.2.2, without If-Match and If-Unmodified-Since). */
export function isNotModified(request: Fields, stored: Fields): boolean {
  if (request.has('if-none-match')) return isAmong(stored.get('etag'), request.getAll('if-none-match').join(','))
  const since = request.get('if-modified-since')
  const askedMs = since === undefined ? undefined : parseHttpDate(since)
  if (askedMs === undefined) return false
  // RFC 9111 §4.3.2: without Last-Modified the response's Date stands in for it.
  const modifiedMs = dateIn(stored, 'last-modified') ?? dateIn(stored, 'date')
  return modifiedMs !== undefined && modifiedMs <= askedMs
}

/** Whether `Range` counts beside the request's `If-Range` (§13.1.5): compared strongly, or there is none. */
export function rangeCounts(request: Fields, stored: Fields): boolean {
  const condition = request.get('if-range')
  if (condition === undefined) return true
  if (condition.startsWith('W/')) return false
  if (condition.startsWith('"')) return condition === stored.get('etag')
  const modified = stored.get('last-modified')
  const date = dateIn(stored, 'date')
  const modifiedMs = dateIn(stored, 'last-modified')
  // §8.8.2.2: a date tells versions apart only when it is a second older than the response.
  return modified === condition && modifiedMs !== undefined && date !== undefined && date - modifiedMs >= 1000
}

/** Compared weakly (§8.8.3.2): `W/"1"` is `"1"`. */
function isAmong(tag: string | undefined, list: string): boolean {
  if (list.trim() === '*') return true
  if (tag === undefined) return false
  const opaque = tag.startsWith('W/') ? tag.slice(2) : tag
  entityTag.lastIndex = 0
  for (let match = entityTag.exec(list); match !== null; match = entityTag.exec(list)) {
    if (match[2] === opaque) return true
    if (entityTag.lastIndex >= list.length) break
  }
  return false
}

function dateIn(fields: Fields, name: string): number | undefined {
  const value = fields.get(name)
  return value === undefined ? undefined : parseHttpDate(value)
}
