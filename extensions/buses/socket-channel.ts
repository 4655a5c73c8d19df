/** A relay channel over a byte stream, such as a connection from an edge to control. */
import type { Duplex } from 'node:stream'
import type { Subscription } from './bus.ts'
import { encodeFrame, FrameReader } from './relay-frames.ts'
import type { RelayChannel, RelayMessage } from './relay-messages.ts'

export interface SocketChannelOptions {
  /** Messages that carry data are refused while this much waits to be written: the other end may have stopped reading. */
  readonly maxWaitingBytes: number
  /** Whoever says nothing for so long is gone. */
  readonly silenceMs: number
  /** Bytes that came with the upgrade. */
  readonly head?: Uint8Array
  /** Told what ended the connection, when that was a fault. */
  readonly onFault?: (error: unknown) => void
}

export interface SocketChannel extends RelayChannel {
  close(): void
}

/** Messages over `socket` until it ends, which it does at the first bytes that are no message. */
export function socketChannel(socket: Duplex, options: SocketChannelOptions): SocketChannel {
  const channel = new SocketEnd(socket, options)
  channel.begin(options.head)
  return channel
}

class SocketEnd implements SocketChannel {
  readonly #socket: Duplex
  readonly #options: SocketChannelOptions
  readonly #reader = new FrameReader()
  readonly #handlers = new Set<(message: RelayMessage) => void>()
  readonly #closeHandlers = new Set<() => void>()
  #heardAt = performance.now()
  #watch: NodeJS.Timeout | undefined

  constructor(socket: Duplex, options: SocketChannelOptions) {
    this.#socket = socket
    this.#options = options
  }

  begin(head: Uint8Array | undefined): void {
    this.#socket.on('error', (error) => this.#options.onFault?.(error))
    this.#socket.once('close', () => this.#closed())
    this.#socket.on('end', () => this.close())
    this.#socket.on('data', (piece: Uint8Array) => this.#read(piece))
    this.#watch = setInterval(() => this.#listen(), this.#options.silenceMs / 3).unref()
    if (head !== undefined && head.length > 0) setImmediate(() => this.#read(head))
  }

  send(message: RelayMessage): boolean {
    const bytes = 'data' in message ? message.data.length : 0
    const { writableLength, destroyed } = this.#socket
    if (destroyed || (bytes > 0 && writableLength + bytes > this.#options.maxWaitingBytes)) return false
    this.#socket.write(encodeFrame(message))
    return true
  }

  onMessage(handler: (message: RelayMessage) => void): Subscription {
    return keep(this.#handlers, handler)
  }

  onClose(handler: () => void): Subscription {
    return keep(this.#closeHandlers, handler)
  }

  close(): void {
    this.#socket.destroy()
  }

  /** What a stranger sends must end its own connection, and nothing else. */
  #read(piece: Uint8Array): void {
    this.#heardAt = performance.now()
    try {
      for (const message of this.#reader.read(piece)) for (const handler of [...this.#handlers]) handler(message)
    } catch (error) {
      this.#options.onFault?.(error)
      this.close()
    }
  }

  #listen(): void {
    if (performance.now() - this.#heardAt > this.#options.silenceMs) this.close()
  }

  #closed(): void {
    clearInterval(this.#watch)
    for (const handler of [...this.#closeHandlers]) handler()
  }
}

function keep<T>(set: Set<T>, value: T): Subscription {
  set.add(value)
  return { unsubscribe: () => void set.delete(value) }
}
