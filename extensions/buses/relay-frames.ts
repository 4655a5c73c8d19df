/** The relay's messages as bytes: four bytes of length, most significant first, then a `RelayFrame`. */
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import { isErrorCode } from '@sluice/errors'
import { type RelayFrame, RelayFrameSchema } from '@sluice/proto/messages/relay'
import { type BusStatus, maxMessageBytes } from './bus.ts'
import type { RelayMessage } from './relay-messages.ts'

/** The largest message of the bus with its subject, queue and ids. */
const maxFrameBytes = maxMessageBytes + 8192
const lengthBytes = 4

export function encodeFrame(message: RelayMessage): Uint8Array {
  const body = toBinary(RelayFrameSchema, create(RelayFrameSchema, { message: contentOf(message) }))
  const frame = Buffer.allocUnsafe(lengthBytes + body.length)
  frame.writeUInt32BE(body.length)
  frame.set(body, lengthBytes)
  return frame
}

/** Cuts what arrives into messages. `read` throws a `TypeError` for what is no frame, or a frame larger than any can be. */
export class FrameReader {
  #pieces: Uint8Array[] = []
  #held = 0
  /** Of the next frame with its length; unknown until four bytes are here. */
  #wanted: number | undefined

  read(piece: Uint8Array): RelayMessage[] {
    this.#pieces.push(piece)
    this.#held += piece.length
    const messages: RelayMessage[] = []
    while (this.#held >= (this.#wanted ?? lengthBytes)) {
      if (this.#wanted === undefined) this.#wanted = this.#nextLength()
      else messages.push(decode(this.#take(this.#wanted).subarray(lengthBytes)))
    }
    return messages
  }

  #nextLength(): number {
    const length = this.#joined().readUInt32BE()
    if (length > maxFrameBytes) throw new TypeError(`A frame of ${length} bytes; the most is ${maxFrameBytes}`)
    return lengthBytes + length
  }

  #take(bytes: number): Buffer {
    const all = this.#joined()
    this.#pieces = bytes === all.length ? [] : [all.subarray(bytes)]
    this.#held -= bytes
    this.#wanted = undefined
    return all.subarray(0, bytes)
  }

  #joined(): Buffer {
    const [first, ...rest] = this.#pieces
    const all = rest.length === 0 ? Buffer.from(first!.buffer, first!.byteOffset, first!.length) : Buffer.concat(this.#pieces)
    this.#pieces = [all]
    return all
  }
}

function contentOf(message: RelayMessage): NonNullable<MessageInitShape<typeof RelayFrameSchema>['message']> {
  switch (message.type) {
    case 'message':
      return { case: 'delivery', value: { id: message.id, delivery: message.delivery, subject: message.subject, data: message.data } }
    case 'reply':
      return { case: 'answer', value: { id: message.id, data: message.data } }
    case 'subscribe':
      return { case: 'subscribe', value: { id: message.id, subject: message.subject, queue: message.queue ?? '' } }
    case 'hello':
      return { case: 'hello', value: {} }
    case 'publish':
      return { case: 'publish', value: { subject: message.subject, data: message.data } }
    case 'unsubscribe':
      return { case: 'unsubscribe', value: { id: message.id } }
    case 'request':
      return { case: 'request', value: { id: message.id, subject: message.subject, data: message.data, timeoutMs: message.timeoutMs } }
    case 'respond':
      return { case: 'respond', value: { delivery: message.delivery, data: message.data } }
    case 'flush':
      return { case: 'flush', value: { id: message.id } }
    case 'status':
      return { case: 'status', value: { status: message.status } }
    case 'flushed':
      return { case: 'flushed', value: { id: message.id } }
    case 'failed':
      return { case: 'failed', value: { id: message.id, code: message.code, detail: message.detail } }
  }
}

function decode(bytes: Uint8Array): RelayMessage {
  let frame: RelayFrame
  try {
    frame = fromBinary(RelayFrameSchema, bytes)
  } catch (cause) {
    throw new TypeError('A frame that cannot be read', { cause })
  }
  const message = messageOf(frame.message)
  if (message === undefined) throw new TypeError('A frame without a message that is known here')
  return message
}

function messageOf({ case: kind, value }: RelayFrame['message']): RelayMessage | undefined {
  switch (kind) {
    case 'hello':
      return { type: kind }
    case 'publish':
      return { type: kind, subject: value.subject, data: value.data }
    case 'subscribe':
      return { type: kind, id: value.id, subject: value.subject, ...(value.queue === '' ? {} : { queue: value.queue }) }
    case 'unsubscribe':
    case 'flush':
    case 'flushed':
      return { type: kind, id: value.id }
    case 'request':
      return { type: kind, id: value.id, subject: value.subject, data: value.data, timeoutMs: value.timeoutMs }
    case 'respond':
      return { type: kind, delivery: value.delivery, data: value.data }
    case 'status':
      return { type: kind, status: statusOf(value.status) }
    case 'delivery':
      return { type: 'message', id: value.id, delivery: value.delivery, subject: value.subject, data: value.data }
    case 'answer':
      return { type: 'reply', id: value.id, data: value.data }
    case 'failed':
      return { type: kind, id: value.id, code: isErrorCode(value.code) ? value.code : 'internal.unexpected', detail: value.detail }
    default:
      return undefined
  }
}

function statusOf(status: string): BusStatus {
  return status === 'connected' || status === 'closed' ? status : 'disconnected'
}
