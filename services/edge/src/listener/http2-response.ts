/** A response's head as HTTP/2 carries it (RFC 9113 §8.2, §8.3.2). */

/** Fields that say how HTTP/1.1 frames a message or keeps a connection (RFC 9113 §8.2.2); `te` is no response's. */
const connectionSpecific = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'http2-settings', 'te'])

/** Flat, `:status` first. A status that is none is told as 502, since `node:http2` sends no other. */
export function http2Fields(status: number, fields: readonly string[]): string[] {
  const isKnown = status >= 200 && status <= 599
  const head = [':status', String(isKnown ? status : 502)]
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at]!.toLowerCase()
    if (connectionSpecific.has(name) || (name === 'content-length' && status === 204)) continue
    head.push(name, fields[at + 1]!)
  }
  return head
}
