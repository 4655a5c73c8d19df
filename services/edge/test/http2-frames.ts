/** A client of HTTP/2 that writes frames itself, for what `node:http2` does not let a client do (RFC 9113 §4.1, §6). */
import { once } from 'node:events'
import { connect as connectPlain, type Socket } from 'node:net'
import { connect } from 'node:tls'
import { waitUntil, type Cleanup } from '@sluice/testkit'

export interface Frame {
  readonly type: number
  readonly stream: number
  readonly payload: Buffer
}

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
export const goaway = 7
export const goawayFrame = frameOf(goaway, 0, 0, Buffer.alloc(8))

export function frameOf(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

export const endHeaders = 4
const endStreamAndHeaders = 5

/** HEADERS: GET, https, `/`, and one.example.com as a literal (RFC 7541). */
export function requestFrame(stream: number, flags = endStreamAndHeaders): Buffer {
  const name = Buffer.from('one.example.com')
  return frameOf(1, flags, stream, Buffer.concat([Buffer.from([0x82, 0x87, 0x84, 0x01, name.length]), name]))
}

export class FrameClient {
  readonly frames: Frame[] = []
  readonly ended: Promise<unknown>
  readonly socket: Socket
  private input = Buffer.alloc(0)

  private constructor(socket: Socket) {
    this.socket = socket
    this.ended = new Promise((resolve) => socket.once('close', resolve))
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => this.read(chunk))
  }

  static async open(t: Cleanup, port: number, ca: string): Promise<FrameClient> {
    const socket = connect({ host: '127.0.0.1', port, ca, ALPNProtocols: ['h2'] })
    t.after(() => void socket.destroy())
    await once(socket, 'secureConnect')
    const client = new FrameClient(socket)
    client.send(preface, frameOf(4, 0, 0))
    return client
  }

  /** Without TLS; begins with `first`. */
  static async openPlain(t: Cleanup, port: number, first: readonly Buffer[] = [preface, frameOf(4, 0, 0)]): Promise<FrameClient> {
    const socket = connectPlain({ host: '127.0.0.1', port })
    t.after(() => void socket.destroy())
    await once(socket, 'connect')
    const client = new FrameClient(socket)
    client.send(...first)
    return client
  }

  send(...parts: Buffer[]): void {
    this.socket.write(Buffer.concat(parts))
  }

  /** The first such frame, once it has come. */
  frame(wanted: (frame: Frame) => boolean): Promise<Frame> {
    return waitUntil(() => this.frames.find(wanted), { timeoutMs: 30_000, what: 'a frame' })
  }

  /** The whole body of a response: `fine`. */
  answerTo(stream: number): Promise<Frame> {
    return this.frame((one) => one.type === 0 && one.stream === stream && one.payload.toString() === 'fine')
  }

  private read(chunk: Buffer): void {
    this.input = Buffer.concat([this.input, chunk])
    for (let size = frameSize(this.input); size <= this.input.length; size = frameSize(this.input)) {
      this.frames.push({ type: this.input[3]!, stream: this.input.readUInt32BE(5), payload: this.input.subarray(9, size) })
      this.input = this.input.subarray(size)
    }
  }
}

function frameSize(input: Buffer): number {
  return input.length < 9 ? Infinity : 9 + input.readUIntBE(0, 3)
}
