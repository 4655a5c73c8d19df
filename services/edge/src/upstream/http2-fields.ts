/** Heads of messages between HTTP/1.1's form, which the rest of the gateway goes by, and that of HTTP/2 (RFC 9113 §8.2, §8.3). */
import type { AttemptRequest } from './upstream-client.ts'

/** Fields that say how HTTP/1.1 frames a message or keeps a connection (RFC 9113 §8.2.2), and the key that HTTP/2 has no use for (RFC 8441 §5.1). */
const dropped = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'http2-settings', 'sec-websocket-key'])

/** Flat, pseudo-header fields first; Host becomes `:authority`. A WebSocket is an extended CONNECT (RFC 8441 §4). */
export function http2RequestFields({ method, path, fields, upgrade }: AttemptRequest, scheme: 'http' | 'https'): string[] {
  const head = [':method', upgrade === undefined ? method : 'CONNECT', ':scheme', scheme, ':path', path]
  if (upgrade !== undefined) head.push(':protocol', upgrade)
  const rest: string[] = []
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at]!.toLowerCase()
    if (name === 'host') head.push(':authority', fields[at + 1]!)
    else if (!dropped.has(name)) rest.push(name, fields[at + 1]!)
  }
  return head.concat(rest)
}

export interface Http2ResponseHead {
  readonly status: number
  /** Flat, without pseudo-header fields. */
  readonly fields: string[]
  /** -1: there is no Content-Length. */
  readonly contentLength: number
}

/** Reads what nghttp2 hands on, which is well-formed; undefined for a status that has no meaning (RFC 9110 §15). */
export function readHttp2Response(raw: readonly string[]): Http2ResponseHead | undefined {
  const fields: string[] = []
  let status = 0
  let contentLength = -1
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!
    if (name === ':status') status = Number(raw[at + 1])
    else if (!name.startsWith(':')) fields.push(name, raw[at + 1]!)
    if (name === 'content-length') contentLength = Number(raw[at + 1])
  }
  return status >= 200 && status <= 599 ? { status, fields, contentLength } : undefined
}
