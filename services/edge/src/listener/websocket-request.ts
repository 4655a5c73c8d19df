/** A client's request for a WebSocket on HTTP/1.1 (RFC 6455 §4.1). */
import { hasOption, isWebsocketKey, type RequestHead } from '@sluice/http'

/** Whether it asks for a WebSocket, well or badly. In HTTP/1.0 Upgrade means nothing (RFC 9110 §7.8). */
export function asksForWebsocket({ minor, fields }: RequestHead): boolean {
  return fields.asksUpgrade && minor === 1 && hasOption(fields.upgrade, 'websocket')
}

/**
 * The key of a request for a WebSocket; undefined when it asks for none, or is malformed: another method than GET, a
 * body, no key or several, a key that is none. Which version is spoken is the upstream's business.
 */
export function websocketKeyOf(head: RequestHead): string | undefined {
  if (!asksForWebsocket(head) || head.method !== 'GET' || head.framing !== 'none') return undefined
  const { flat } = head.fields
  let key: string | undefined
  for (let at = 0; at < flat.length; at += 2) {
    if (flat[at]!.toLowerCase() !== 'sec-websocket-key') continue
    if (key !== undefined || !isWebsocketKey(flat[at + 1]!)) return undefined
    key = flat[at + 1]!
  }
  return key
}
