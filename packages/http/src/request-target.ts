import { parseHost } from './host.ts'

export interface RequestTarget {
  /** As sent, not yet normalised; `*` for the asterisk form. */
  readonly path: string
  /** What follows the first `?`, byte for byte; empty when there is none. */
  readonly query: string
  /** From the absolute form: it stands above the Host field (RFC 9112 §3.2.2). */
  readonly authority: string | undefined
}

/**
 * The parts of a request target (RFC 9112 §3.2) in origin form, absolute form, or asterisk form, which only OPTIONS
 * may use; undefined when it is none of them, holds a fragment, or its authority is no host. The authority form is
 * CONNECT's, which a gateway does not answer. Runs on every request: slices, no copies.
 */
export function splitTarget(target: string, method?: string): RequestTarget | undefined {
  if (target.includes('#')) return undefined
  if (target.charCodeAt(0) === 0x2f) return splitAtQuery(target, 0, undefined)
  if (target === '*') return method === 'OPTIONS' ? { path: '*', query: '', authority: undefined } : undefined
  return splitAbsolute(target)
}

function splitAbsolute(target: string): RequestTarget | undefined {
  const scheme = /^https?:\/\//i.exec(target)
  if (scheme === null) return undefined
  const start = scheme[0].length
  const slash = target.indexOf('/', start)
  const mark = target.indexOf('?', start)
  const end = slash >= 0 && (mark < 0 || slash < mark) ? slash : mark >= 0 ? mark : target.length
  const authority = target.slice(start, end)
  if (parseHost(authority) === undefined) return undefined
  return splitAtQuery(target, end, authority)
}

function splitAtQuery(target: string, start: number, authority: string | undefined): RequestTarget {
  const mark = target.indexOf('?', start)
  const end = mark < 0 ? target.length : mark
  // An empty path of the absolute form is "/" (RFC 9110 §4.2.3).
  const path = end === start ? '/' : start === 0 && mark < 0 ? target : target.slice(start, end)
  return { path, query: mark < 0 ? '' : target.slice(mark + 1), authority }
}
