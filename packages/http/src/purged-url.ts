import { parseHost } from './host.ts'
import { normalisePath } from './normalise-path.ts'

const shape = /^(?:(https?):)?\/\/([^/?#]+)(\/[^?#]*)?(\?[^#]*)?$/i
const ordinaryPorts: Readonly<Record<string, number>> = { http: 80, https: 443 }

/** A URL as caches name responses by it: `//host/path?query`, in the spelling that requests are decided by, whatever the scheme. Undefined for what is none. */
export function purgedUrl(text: string): string | undefined {
  const match = shape.exec(text)
  const authority = match === null ? undefined : parseHost(match[2]!)
  if (match === null || authority === undefined) return undefined
  const path = normalisePath(match[3] ?? '/')
  if (path === undefined) return undefined
  const isOrdinary = authority.port === undefined || authority.port === ordinaryPorts[match[1]?.toLowerCase() ?? '']
  return `//${authority.host}${isOrdinary ? '' : `:${authority.port}`}${path}${match[4] === '?' ? '' : (match[4] ?? '')}`
}
