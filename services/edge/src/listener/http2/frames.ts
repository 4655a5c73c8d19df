/** Frames of HTTP/2 (RFC 9113 §6), written as latin-1 text: one character a byte. */

export const frameTypes = { data: 0, headers: 1, priority: 2, reset: 3, settings: 4, pushPromise: 5, ping: 6, goaway: 7, windowUpdate: 8, continuation: 9 } as const
export const flags = { ack: 1, endStream: 1, endHeaders: 4, padded: 8, priority: 32 } as const
/** RFC 9113 §7 */
export const errorCodes = {
  none: 0, protocol: 1, internal: 2, flowControl: 3, streamClosed: 5, frameSize: 6, refused: 7, cancel: 8, compression: 9, calm: 11,
} as const
export type ErrorNumber = (typeof errorCodes)[keyof typeof errorCodes]

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')
/** As every side takes it without being asked, and as it is left here. */
export const maxFrameBytes = 16_384
/** The highest number that a stream can have, and the widest window. */
export const most = 0x7fff_ffff

/** The nine bytes in front of every frame. */
export function frameHead(length: number, type: number, flag: number, stream: number): string {
  return String.fromCharCode(length >> 16, (length >> 8) & 0xff, length & 0xff, type, flag, stream >> 24, (stream >> 16) & 0xff, (stream >> 8) & 0xff, stream & 0xff)
}

/** HEADERS, and CONTINUATION for a block that does not fit (§6.10). */
export function headersFrames(stream: number, block: string, endStream: boolean): string {
  const flag = endStream ? flags.endStream : 0
  if (block.length <= maxFrameBytes) return frameHead(block.length, frameTypes.headers, flag | flags.endHeaders, stream) + block
  let text = frameHead(maxFrameBytes, frameTypes.headers, flag, stream) + block.slice(0, maxFrameBytes)
  for (let from = maxFrameBytes; from < block.length; from += maxFrameBytes) {
    const part = block.slice(from, from + maxFrameBytes)
    text += frameHead(part.length, frameTypes.continuation, from + maxFrameBytes >= block.length ? flags.endHeaders : 0, stream) + part
  }
  return text
}

export function dataHead(length: number, endStream: boolean, stream: number): string {
  return frameHead(length, frameTypes.data, endStream ? flags.endStream : 0, stream)
}

export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): string {
  return frameHead(settings.length * 6, frameTypes.settings, 0, 0) + settings.map(([id, value]) => String.fromCharCode(id >> 8, id & 0xff) + number32(value)).join('')
}

export const settingsAck = frameHead(0, frameTypes.settings, flags.ack, 0)

/** `opaque`: eight characters. */
export function pingFrame(opaque: string, isAck: boolean): string {
  return frameHead(8, frameTypes.ping, isAck ? flags.ack : 0, 0) + opaque
}

export function resetFrame(stream: number, code: ErrorNumber): string {
  return frameHead(4, frameTypes.reset, 0, stream) + number32(code)
}

export function goawayFrame(lastStream: number, code: ErrorNumber): string {
  return frameHead(8, frameTypes.goaway, 0, 0) + number32(lastStream) + number32(code)
}

export function windowFrame(stream: number, increment: number): string {
  return frameHead(4, frameTypes.windowUpdate, 0, stream) + number32(increment)
}

function number32(value: number): string {
  return String.fromCharCode((value >> 24) & 0xff, (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff)
}
