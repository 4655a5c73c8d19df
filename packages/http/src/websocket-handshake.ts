/** What a gateway has to know of the handshake that opens a WebSocket (RFC 6455 §4). */
import { createHash, randomBytes } from 'node:crypto'

const guid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** Whether it may stand in Sec-WebSocket-Key: sixteen bytes in base64 (§4.1). */
export function isWebsocketKey(value: string): boolean {
  return /^[A-Za-z0-9+/]{22}==$/.test(value)
}

export function newWebsocketKey(): string {
  return randomBytes(16).toString('base64')
}

/** The Sec-WebSocket-Accept by which a server shows that it has understood `key` (§4.2.2). */
export function websocketAccept(key: string): string {
  return createHash('sha1').update(key + guid).digest('base64')
}
