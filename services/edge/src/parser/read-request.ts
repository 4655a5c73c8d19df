import { normalisePath, parseHost, splitTarget } from '@sluice/http'
import type { ErrorCode } from '@sluice/errors'
import type { EdgeRequest } from '../exchange.ts'

/** Requests that follow each other mostly ask for the same host. */
let lastAuthority: string | undefined
let lastHost: ReturnType<typeof parseHost>

const defaultPorts: Readonly<Record<string, number>> = { http: 80, https: 443 }

/**
 * Fills path, query and host of a request from its target and Host field (RFC 9112 §3.2, §3.3), in the one spelling
 * that everything after decides by. Answers the code of what is wrong, or undefined. Runs once a request.
 */
export function readRequest(request: EdgeRequest, scheme: string): ErrorCode | undefined {
  const target = splitTarget(request.target, request.method)
  if (target === undefined) return 'client.bad_request'
  request.askedPath = target.path
  const path = target.path === '*' ? '*' : normalisePath(target.path)
  if (path === undefined) return 'client.bad_path'
  const written = onlyHost(request)
  const authority = target.authority ?? written
  if (authority === undefined) return 'client.bad_host'
  // The absolute form stands above Host (RFC 9112 §3.2.2), which must be a host all the same (§3.2).
  if (written !== undefined && written !== authority && parseHost(written) === undefined) return 'client.bad_host'
  if (authority !== lastAuthority) {
    lastHost = parseHost(authority)
    lastAuthority = authority
  }
  const host = lastHost
  if (host === undefined) return 'client.bad_host'
  request.path = path
  request.askedPath = path
  request.query = target.query
  request.authority = authority
  request.host = host.host
  request.port = host.port ?? defaultPorts[scheme] ?? 80
  return undefined
}

/** The only Host field; undefined when there is none or more than one (RFC 9112 §3.2: 400 in both cases). */
function onlyHost(request: EdgeRequest): string | undefined {
  const { headers } = request
  const at = headers.indexOf('host', 0)
  if (at < 0 || headers.indexOf('host', at + 2) >= 0) return undefined
  return headers.flat[at + 1]
}
