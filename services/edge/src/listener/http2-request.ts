/** A request as HTTP/2 carries it, read into what the rest of the gateway goes by (RFC 9113 §8.3). */

export interface Http2Request {
  /** GET for a WebSocket, as it is everywhere else. */
  readonly method: string
  /** Of an extended CONNECT (RFC 8441 §4); empty for any other request. */
  readonly protocol: string
  readonly target: string
  /** Flat; Host from `:authority`, cookies joined. */
  readonly fields: string[]
  /** -1: there is no Content-Length. */
  readonly contentLength: number
  readonly expectsContinue: boolean
  /** It expects something else than 100-continue. */
  readonly expectsUnknown: boolean
  readonly acceptsTrailers: boolean
  readonly isGrpc: boolean
}

/**
 * `raw` is flat, names in lower case; what nghttp2 hands on is well-formed: pseudo-header fields first and each once,
 * no connection-specific fields, values without control characters, a Content-Length that is true.
 * A Host that is not `:authority` stays beside it, so that the request is refused as one with two (RFC 9113 §8.3.1).
 */
export function readHttp2Request(raw: readonly string[]): Http2Request {
  let method = ''
  let protocol = ''
  let target = ''
  let authority: string | undefined
  let cookieAt = -1
  let contentLength = -1
  let expectation = ''
  let acceptsTrailers = false
  let isGrpc = false
  const fields: string[] = []
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!
    const value = raw[at + 1]!
    switch (name) {
      case ':method':
        method = value
        continue
      case ':protocol':
        protocol = value
        continue
      case ':path':
        target = value
        continue
      case ':authority':
        authority = value
        fields.push('host', value)
        continue
      case ':scheme':
        continue
      case 'host':
        if (authority !== undefined && value.toLowerCase() === authority.toLowerCase()) continue
        break
      case 'cookie':
        // A cookie may be split, to compress better; before it goes on as HTTP/1.1 it is one field again (§8.2.3).
        if (cookieAt >= 0) {
          fields[cookieAt] += `; ${value}`
          continue
        }
        cookieAt = fields.length + 1
        break
      case 'content-length':
        contentLength = Number(value)
        break
      case 'expect':
        expectation = value.toLowerCase()
        break
      case 'content-type':
        // Not gRPC-Web, which is made for what knows no trailers.
        isGrpc = /^application\/grpc(?:\+|;|$)/.test(value)
        break
      case 'te':
        acceptsTrailers = true
        break
    }
    fields.push(name, value)
  }
  return { method: protocol === 'websocket' ? 'GET' : method, protocol, target, fields, contentLength, expectsContinue: expectation === '100-continue', expectsUnknown: expectation !== '' && expectation !== '100-continue', acceptsTrailers, isGrpc }
}
