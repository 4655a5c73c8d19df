/**
 * Frames of HTTP/2 from bytes that come in pieces (RFC 9113 §4.1, §6): what a frame has to be by itself is judged here, what it means to a
 * connection by whoever is told of it. No I/O. Frames that came whole are read where they lie; of one that did not, what came is kept, but for DATA,
 * which is passed on as it comes.
 */
import { errorCodes, flags, frameTypes, maxFrameBytes, preface, type ErrorNumber } from './frames.ts'

/** Bytes are to be used at once: they are overwritten by the next read. */
export interface FrameHandler {
  /** A frame of DATA begins; `length` is all of it, as flow control counts it. */
  onDataBegin(stream: number, length: number): void
  onData(stream: number, bytes: Buffer, from: number, to: number): void
  onDataEnd(stream: number, endStream: boolean): void
  /** A whole field block, however many frames it came in. */
  onHeaders(stream: number, bytes: Buffer, from: number, to: number, endStream: boolean): void
  onReset(stream: number, code: number): void
  onSettings(bytes: Buffer, from: number, to: number): void
  onSettingsAck(): void
  /** `opaque`: eight characters. */
  onPing(opaque: string, isAck: boolean): void
  onGoaway(): void
  onWindow(stream: number, increment: number): void
  /** One that does nothing: empty, a priority, of a kind that nobody knows. */
  onIdleFrame(): void
  /** Header blocks that come in more and more pieces. */
  onEndlessHeaders(): void
  onStreamError(stream: number, code: ErrorNumber): void
  /** Nothing more can be read. */
  onBroken(code: ErrorNumber): void
}

const headBytes = 9
/** Behind one HEADERS: more than any real one needs (CVE-2024-27316). */
const maxContinuations = 8

export class FrameReader {
  private readonly handler: FrameHandler
  private prefaceRead = 0
  private hasSettings = false
  private isBroken = false
  /** A frame, or the head of one, that has not come whole; `heldBytes` of it have. */
  private held: Buffer | undefined
  private heldBytes = 0
  /** Of a DATA frame that is under way: what is left of its content, and of its padding. */
  private isInData = false
  private dataLeft = 0
  private padLeft = 0
  private awaitsPadLength = false
  private dataStream = 0
  private dataEndsStream = false
  /** The stream whose field block goes on; 0: none. */
  private blockStream = 0
  private blockEndsStream = false
  private block: Buffer[] = []

  constructor(handler: FrameHandler) {
    this.handler = handler
  }

  /** Whether the client has begun as RFC 9113 §3.4 wants it. */
  get hasPreface(): boolean {
    return this.hasSettings
  }

  /** Whether something has begun that its client must go on with. */
  get isWithin(): boolean {
    return this.heldBytes > 0 || this.blockStream !== 0
  }

  /** Nothing more is read. */
  stop(): void {
    this.isBroken = true
    this.held = undefined
    this.block = []
  }

  /** Takes `input` up to `length`. */
  feed(input: Buffer, length: number): void {
    let at = this.prefaceRead < preface.length ? this.takePreface(input, length) : 0
    while (at < length && !this.isBroken) {
      if (this.isInData) at = this.takeData(input, at, length)
      else if (this.held !== undefined || length - at < headBytes) at = this.hold(input, at, length)
      else at = this.takeInPlace(input, at, length)
    }
  }

  private takePreface(input: Buffer, length: number): number {
    let at = 0
    while (at < length && this.prefaceRead < preface.length) {
      if (input[at++] === preface[this.prefaceRead++]) continue
      this.broken(errorCodes.protocol)
      return length
    }
    return at
  }

  private takeInPlace(input: Buffer, at: number, length: number): number {
    const size = sizeAt(input, at)
    if (size > maxFrameBytes) return this.broken(errorCodes.frameSize)
    const body = at + headBytes
    if (input[at + 3] === frameTypes.data) this.beginData(input, at, size)
    else if (body + size > length) return this.hold(input, at, length)
    else this.take(input, at, size)
    return input[at + 3] === frameTypes.data ? body : body + size
  }

  /** Keeps what came of a frame, and takes it once it is whole. */
  private hold(input: Buffer, from: number, length: number): number {
    const held = (this.held ??= Buffer.allocUnsafe(headBytes))
    const to = Math.min(length, from + held.length - this.heldBytes)
    input.copy(held, this.heldBytes, from, to)
    this.heldBytes += to - from
    if (this.heldBytes === held.length) this.takeHeld(held)
    return to
  }

  private takeHeld(held: Buffer): void {
    const size = sizeAt(held, 0)
    if (size > maxFrameBytes) return void this.broken(errorCodes.frameSize)
    const isData = held[3] === frameTypes.data
    if (!isData && held.length < headBytes + size) {
      this.held = Buffer.allocUnsafe(headBytes + size)
      held.copy(this.held)
      return
    }
    this.held = undefined
    this.heldBytes = 0
    if (isData) this.beginData(held, 0, size)
    else this.take(held, 0, size)
  }

  private beginData(bytes: Buffer, at: number, size: number): void {
    const flag = bytes[at + 4]!
    const stream = streamAt(bytes, at + 5)
    if (!this.mayCome(frameTypes.data, stream) || stream === 0) return void this.broken(errorCodes.protocol)
    const isPadded = (flag & flags.padded) !== 0
    if (isPadded && size === 0) return void this.broken(errorCodes.frameSize)
    this.isInData = true
    this.dataStream = stream
    this.dataEndsStream = (flag & flags.endStream) !== 0
    this.awaitsPadLength = isPadded
    this.dataLeft = size
    this.padLeft = 0
    this.handler.onDataBegin(stream, size)
    if (size === 0) this.endData(true)
  }

  private takeData(input: Buffer, from: number, length: number): number {
    let at = from
    if (this.awaitsPadLength) {
      this.awaitsPadLength = false
      this.padLeft = input[at++]!
      this.dataLeft -= 1 + this.padLeft
      if (this.dataLeft < 0) return this.broken(errorCodes.protocol)
      if (this.dataLeft === 0 && !this.dataEndsStream) this.handler.onIdleFrame()
    }
    const end = Math.min(length, at + this.dataLeft)
    if (end > at) this.handler.onData(this.dataStream, input, at, end)
    this.dataLeft -= end - at
    const padEnd = Math.min(length, end + (this.dataLeft === 0 ? this.padLeft : 0))
    this.padLeft -= padEnd - end
    if (this.dataLeft === 0 && this.padLeft === 0) this.endData(false)
    return padEnd
  }

  private endData(isEmpty: boolean): void {
    this.isInData = false
    if (isEmpty && !this.dataEndsStream) this.handler.onIdleFrame()
    this.handler.onDataEnd(this.dataStream, this.dataEndsStream)
  }

  /** RFC 9113 §3.4, §6.10: SETTINGS come first, and nothing between the frames of a field block. */
  private mayCome(type: number, stream: number): boolean {
    if (!this.hasSettings) {
      this.hasSettings = type === frameTypes.settings
      return this.hasSettings
    }
    return this.blockStream === 0 ? type !== frameTypes.continuation : type === frameTypes.continuation && stream === this.blockStream
  }

  /** Any whole frame but DATA, its head at `at`. */
  private take(bytes: Buffer, at: number, size: number): void {
    const type = bytes[at + 3]!
    const flag = bytes[at + 4]!
    const stream = streamAt(bytes, at + 5)
    const from = at + headBytes
    if (!this.mayCome(type, stream)) return void this.broken(errorCodes.protocol)
    switch (type) {
      case frameTypes.headers:
        return this.takeHeaders(bytes, from, size, flag, stream)
      case frameTypes.continuation:
        return this.takeContinuation(bytes, from, size, flag)
      case frameTypes.windowUpdate:
        return this.takeWindow(bytes, from, size, stream)
      case frameTypes.reset:
        return this.isRight(size === 4, stream !== 0) ? this.handler.onReset(stream, bytes.readUInt32BE(from)) : undefined
      case frameTypes.settings:
        return this.takeSettings(bytes, from, size, flag, stream)
      case frameTypes.ping:
        return this.isRight(size === 8, stream === 0) ? this.handler.onPing(bytes.toString('latin1', from, from + 8), (flag & flags.ack) !== 0) : undefined
      case frameTypes.goaway:
        return this.isRight(size >= 8, stream === 0) ? this.handler.onGoaway() : undefined
      case frameTypes.priority:
        return this.takePriority(bytes, from, size, stream)
      case frameTypes.pushPromise:
        return void this.broken(errorCodes.protocol)
      default:
        return this.handler.onIdleFrame()
    }
  }

  private takeHeaders(bytes: Buffer, body: number, size: number, flag: number, stream: number): void {
    const isPadded = (flag & flags.padded) !== 0
    const hasPriority = (flag & flags.priority) !== 0
    const front = (isPadded ? 1 : 0) + (hasPriority ? 5 : 0)
    if (!this.isRight(size >= front, stream !== 0)) return
    const from = body + front
    const to = body + size - (isPadded ? bytes[body]! : 0)
    if (to < from) return void this.broken(errorCodes.protocol)
    // Judged when the block was read: its fields may be in the table from then on.
    const dependsOnItself = hasPriority && streamAt(bytes, from - 5) === stream
    const endStream = (flag & flags.endStream) !== 0
    if ((flag & flags.endHeaders) !== 0) this.handler.onHeaders(stream, bytes, from, to, endStream)
    else {
      this.blockStream = stream
      this.blockEndsStream = endStream
      this.block = [Buffer.from(bytes.subarray(from, to))]
    }
    if (dependsOnItself && !this.isBroken) this.handler.onStreamError(stream, errorCodes.protocol)
  }

  private takeContinuation(bytes: Buffer, from: number, size: number, flag: number): void {
    this.block.push(Buffer.from(bytes.subarray(from, from + size)))
    if (this.block.length > maxContinuations + 1) return this.handler.onEndlessHeaders()
    if ((flag & flags.endHeaders) === 0) return
    const stream = this.blockStream
    const whole = Buffer.concat(this.block)
    this.blockStream = 0
    this.block = []
    this.handler.onHeaders(stream, whole, 0, whole.length, this.blockEndsStream)
  }

  private takeSettings(bytes: Buffer, from: number, size: number, flag: number, stream: number): void {
    const isAck = (flag & flags.ack) !== 0
    if (!this.isRight(isAck ? size === 0 : size % 6 === 0, stream === 0)) return
    if (isAck) this.handler.onSettingsAck()
    else this.handler.onSettings(bytes, from, from + size)
  }

  private takeWindow(bytes: Buffer, from: number, size: number, stream: number): void {
    if (!this.isRight(size === 4, true)) return
    const increment = bytes.readUInt32BE(from) & 0x7fff_ffff
    if (increment > 0) this.handler.onWindow(stream, increment)
    else if (stream === 0) this.broken(errorCodes.protocol)
    else this.handler.onStreamError(stream, errorCodes.protocol)
  }

  /** What it says is not heeded (RFC 9113 §5.3.2). */
  private takePriority(bytes: Buffer, from: number, size: number, stream: number): void {
    if (stream === 0) return void this.broken(errorCodes.protocol)
    if (size !== 5) this.handler.onStreamError(stream, errorCodes.frameSize)
    else if (streamAt(bytes, from) === stream) this.handler.onStreamError(stream, errorCodes.protocol)
    else this.handler.onIdleFrame()
  }

  /** Whether a frame's size and its place are as they must be; what is not breaks the connection. */
  private isRight(hasSize: boolean, hasPlace: boolean): boolean {
    if (hasSize && hasPlace) return true
    this.broken(hasPlace ? errorCodes.frameSize : errorCodes.protocol)
    return false
  }

  private broken(code: ErrorNumber): number {
    this.stop()
    this.handler.onBroken(code)
    return Infinity
  }
}

function sizeAt(bytes: Buffer, at: number): number {
  return (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!
}

/** The highest bit is nobody's. */
function streamAt(bytes: Buffer, at: number): number {
  return ((bytes[at]! & 0x7f) << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}
