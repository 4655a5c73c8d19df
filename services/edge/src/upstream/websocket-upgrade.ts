/** A request for a WebSocket to an endpoint that speaks HTTP/1.1 (RFC 6455 §4.1), and what it has to answer. */
import { newWebsocketKey, hasOption, websocketAccept, type FieldSection } from '@sluice/http'

export interface WebsocketAsked {
  /** The lines behind the request's other fields. */
  readonly lines: string
  /** What the endpoint has to answer, to have understood the request. */
  readonly accept: string
}

/** `fields`: flat, of the request; a client of HTTP/2 has sent no key. */
export function askForWebsocket(fields: readonly string[]): WebsocketAsked {
  let key: string | undefined
  for (let at = 0; at < fields.length; at += 2) if (fields[at]!.toLowerCase() === 'sec-websocket-key') key = fields[at + 1]!
  const made = key ?? newWebsocketKey()
  const lines = `Connection: Upgrade\r\nUpgrade: websocket\r\n${key === undefined ? `Sec-WebSocket-Key: ${made}\r\n` : ''}`
  return { lines, accept: websocketAccept(made) }
}

/** Whether the fields of a 101 are the answer to what was asked (RFC 6455 §4.1): nothing else may pass unread. */
export function agreesToWebsocket({ flat, asksUpgrade, upgrade }: FieldSection, accept: string): boolean {
  if (!asksUpgrade || !hasOption(upgrade, 'websocket')) return false
  const at = flat.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'sec-websocket-accept')
  return at >= 0 && flat[at + 1] === accept
}
