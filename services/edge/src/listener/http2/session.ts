/**
 * What frames mean to one connection (RFC 9113): its streams by number, both sides' windows, how it ends. Priorities are not heeded (§5.3). No
 * socket: bytes come by `reader`, frames go out by `send`.
 */
import type { Http2Limits } from '../http2-limits.ts'
import { ClientSettings, firstWindow, settingIds } from './client-settings.ts'
import { ClosedStreams, type StreamEnd } from './closed-streams.ts'
import { FloodWatch, type Http2Flood } from './flood-watch.ts'
import { FrameReader, type FrameHandler } from './frame-reader.ts'
import { errorCodes, goawayFrame, most, pingFrame, resetFrame, settingsAck, settingsFrame, windowFrame, type ErrorNumber } from './frames.ts'
import { HpackDecoder } from './hpack-decoder.ts'
import type { KnownStrings } from './known-strings.ts'
import { ReceiveWindows } from './receive-windows.ts'
import { RequestFields } from './request-fields.ts'
import type { SessionOwner, SessionStream } from './session-stream.ts'

export interface SessionParts {
  readonly limits: Http2Limits
  readonly strings: KnownStrings
  readonly send: (frames: string) => void
  readonly owner: SessionOwner
}

/** Of the PING that goes out with the notice of a drain. */
const noticePing = 'draining'
const none: readonly string[] = []

export class Http2Session implements FrameHandler {
  readonly reader: FrameReader
  /** What the client takes of all responses together. */
  sendWindow = firstWindow
  /** Those that cannot send what they have: because of a window, or of the socket. */
  readonly waiting = new Set<SessionStream>()
  private readonly parts: SessionParts
  private readonly streams = new Map<number, SessionStream>()
  private readonly closed = new ClosedStreams()
  private readonly decoder: HpackDecoder
  private readonly fields: RequestFields
  private readonly settings = new ClientSettings()
  private readonly windows: ReceiveWindows
  private readonly watch: FloodWatch
  private lastId = 0
  /** From this number on streams are not taken any more. */
  private endsAfter = most
  private hasAgreed = false
  private isOver = false
  /** The stream of the DATA that is being read, and what of that has not been told to it. */
  private bodyStream: SessionStream | undefined
  private bodyLeft = 0

  constructor(parts: SessionParts) {
    const { limits, send } = parts
    this.parts = parts
    this.reader = new FrameReader(this)
    this.decoder = new HpackDecoder(parts.strings)
    this.fields = new RequestFields(limits)
    this.windows = new ReceiveWindows(limits, send)
    this.watch = new FloodWatch(limits, (kind) => this.cutOff(kind))
    send(settingsFrame([
      [settingIds.concurrentStreams, limits.maxConcurrentStreams], [settingIds.windowBytes, limits.windowBytes],
      [settingIds.listBytes, limits.maxHeaderListBytes], [settingIds.connectProtocol, 1],
    ]) + windowFrame(0, limits.connectionWindowBytes - firstWindow))
  }

  get isIdle(): boolean {
    return this.streams.size === 0
  }

  /** What a stream may send before its client has said more. */
  get firstSendWindow(): number {
    return this.settings.streamWindow
  }

  /** To be put in front of the next field block. */
  takeTableUpdate(): string {
    return this.settings.takeTableUpdate()
  }

  checkDeadlines(now: number): void {
    for (const stream of this.streams.values()) stream.checkDeadline(now)
  }

  /** For a request that becomes an exchange: from here on the stream is found by its number. */
  open(stream: SessionStream): void {
    this.streams.set(stream.id, stream)
  }

  /** Notes a frame of DATA; `isCut`: a window was too narrow for more of it. */
  noteSent(stream: SessionStream, bytes: number, isCut: boolean): void {
    stream.sendWindow -= bytes
    this.sendWindow -= bytes
    this.watch.noteSent(bytes, isCut)
  }

  /** So much of a body has been taken, or thrown away. */
  giveBack(stream: SessionStream, bytes: number): void {
    if (!this.isOver) this.windows.giveBack(bytes, stream.isHalfClosed || this.streams.get(stream.id) !== stream ? undefined : stream)
  }

  /** Ends a stream that is not through. */
  reset(stream: SessionStream, code: ErrorNumber): void {
    if (this.streams.get(stream.id) !== stream) return
    this.parts.send(resetFrame(stream.id, code))
    this.forget(stream, 'reset')
    stream.onBroken()
  }

  /** Both sides of it are through. */
  end(stream: SessionStream): void {
    this.forget(stream, 'ended')
  }

  /** RFC 9113 §6.8: first that the end is near, which leaves time for what is on its way. */
  announceEnd(): void {
    if (!this.isOver) this.parts.send(goawayFrame(most, errorCodes.none) + pingFrame(noticePing, false))
  }

  /** Then which stream was the last one. */
  refuseMore(): void {
    if (this.isOver || this.endsAfter !== most) return
    this.endsAfter = this.lastId
    this.parts.send(goawayFrame(this.lastId, errorCodes.none))
  }

  /** The connection is gone, or about to be. */
  close(): void {
    this.isOver = true
    this.reader.stop()
    this.waiting.clear()
    const open = [...this.streams.values()]
    this.streams.clear()
    for (const stream of open) stream.onBroken()
  }

  /** Lets those that wait send. */
  wake(): void {
    if (this.waiting.size > 0) for (const stream of [...this.waiting]) stream.onRoom()
  }

  // --- frames, as the reader tells of them ---

  onHeaders(id: number, bytes: Buffer, from: number, to: number, endStream: boolean): void {
    if (this.isOver) return
    const stream = this.streams.get(id)
    this.fields.begin(stream !== undefined)
    // Whatever becomes of the stream: its fields may be in the table from now on.
    if (!this.decoder.decode(bytes, from, to, this.fields)) return this.onBroken(errorCodes.compression)
    if (stream !== undefined) return this.takeTrailers(stream, endStream)
    if ((id & 1) === 0) return this.onBroken(errorCodes.protocol)
    if (id <= this.lastId) return this.takeLateHeaders(id)
    this.lastId = id
    this.takeRequest(id, endStream)
  }

  onDataBegin(id: number, length: number): void {
    if (this.isOver) return
    this.bodyStream = undefined
    this.bodyLeft = length
    if (!this.windows.takes(length)) return this.onBroken(errorCodes.flowControl)
    const stream = this.streams.get(id)
    if (stream === undefined || stream.isHalfClosed) return this.takeLateData(id, length)
    stream.receiveWindow -= length
    if (stream.receiveWindow >= 0) this.bodyStream = stream
    else {
      this.windows.giveBack(length, undefined)
      this.onStreamError(id, errorCodes.flowControl)
    }
  }

  onData(id: number, bytes: Buffer, from: number, to: number): void {
    const stream = this.bodyStream
    if (stream === undefined || this.isOver) return
    this.bodyLeft -= to - from
    if (stream.onBody(bytes, from, to)) return
    this.bodyStream = undefined
    this.onStreamError(id, errorCodes.protocol)
  }

  onDataEnd(id: number, endStream: boolean): void {
    const stream = this.bodyStream
    this.bodyStream = undefined
    if (stream === undefined || this.isOver) return
    // Padding is nobody's.
    if (this.bodyLeft > 0) this.giveBack(stream, this.bodyLeft)
    if (endStream && this.streams.get(id) === stream && !stream.onBodyEnd(none)) this.onStreamError(id, errorCodes.protocol)
  }

  onReset(id: number): void {
    if (this.isOver) return
    const stream = this.streams.get(id)
    if (stream === undefined) return this.isUnused(id) ? this.onBroken(errorCodes.protocol) : this.watch.countIdleFrame()
    const { isAnswered } = stream
    this.forget(stream, 'takenBack')
    stream.onBroken()
    if (!isAnswered) this.watch.countReset()
  }

  onSettings(bytes: Buffer, from: number, to: number): void {
    if (this.isOver) return
    const before = this.settings.streamWindow
    const problem = this.settings.take(bytes, from, to) ?? this.widen(this.settings.streamWindow - before)
    if (problem !== undefined) return this.onBroken(problem)
    this.watch.countControlFrame('settings')
    if (this.isOver) return
    this.parts.send(settingsAck)
    this.wake()
  }

  onSettingsAck(): void {
    if (this.hasAgreed) this.onIdleFrame()
    this.hasAgreed = true
  }

  onPing(opaque: string, isAck: boolean): void {
    if (this.isOver) return
    if (isAck) return opaque === noticePing ? this.parts.owner.onNoticeRead() : this.watch.countIdleFrame()
    this.watch.countControlFrame('pings')
    if (!this.isOver) this.parts.send(pingFrame(opaque, true))
  }

  onGoaway(): void {
    if (!this.isOver) this.parts.owner.onGoaway()
  }

  onWindow(id: number, increment: number): void {
    if (!this.isOver) this.watch.countWindowUpdate()
    if (this.isOver) return
    if (id === 0) {
      this.sendWindow += increment
      return this.sendWindow > most ? this.onBroken(errorCodes.flowControl) : this.wake()
    }
    const stream = this.streams.get(id)
    if (stream === undefined) return this.isUnused(id) ? this.onBroken(errorCodes.protocol) : undefined
    stream.sendWindow += increment
    if (stream.sendWindow > most) this.onStreamError(id, errorCodes.flowControl)
    else if (this.waiting.has(stream)) stream.onRoom()
  }

  onIdleFrame(): void {
    if (!this.isOver) this.watch.countIdleFrame()
  }

  onEndlessHeaders(): void {
    if (!this.isOver) this.cutOff('continuations')
  }

  onStreamError(id: number, code: ErrorNumber): void {
    if (this.isOver) return
    const stream = this.streams.get(id)
    if (stream !== undefined) this.reset(stream, code)
    // A stream that was never begun cannot be ended (RFC 9113 §5.1).
    else if (this.isUnused(id)) return this.onBroken(code)
    else this.parts.send(resetFrame(id, code))
    this.watch.countReset()
  }

  onBroken(code: ErrorNumber): void {
    if (this.isOver) return
    this.parts.send(goawayFrame(this.lastId, code))
    this.close()
    this.parts.owner.onBroken()
  }

  // --- what becomes of them ---

  private takeRequest(id: number, endStream: boolean): void {
    const { limits, owner } = this.parts
    // Beyond the last stream that a GOAWAY has named a client may ask again elsewhere (§6.8).
    if (id > this.endsAfter || this.streams.size >= limits.maxConcurrentStreams) return this.refuse(id)
    const request = this.fields.request()
    // A body that was announced has to come (§8.1.1).
    if (request !== undefined && !(endStream && request.contentLength > 0)) return owner.onRequest(id, request, endStream)
    this.closed.add(id, 'reset')
    this.parts.send(resetFrame(id, errorCodes.protocol))
    this.watch.countReset()
  }

  /** A client may not have heard of the limit yet (§5.1.2); one that has goes beyond it on purpose. */
  private refuse(id: number): void {
    this.closed.add(id, 'reset')
    this.parts.send(resetFrame(id, errorCodes.refused))
    if (this.hasAgreed && this.endsAfter === most) this.watch.countReset()
  }

  private takeTrailers(stream: SessionStream, endStream: boolean): void {
    if (stream.isHalfClosed) return this.onStreamError(stream.id, errorCodes.streamClosed)
    const trailers = this.fields.trailers()
    if (!endStream || trailers === undefined || !stream.onBodyEnd(trailers)) this.onStreamError(stream.id, errorCodes.protocol)
  }

  private takeLateHeaders(id: number): void {
    const end = this.closed.endOf(id)
    if (end === 'takenBack') this.onStreamError(id, errorCodes.streamClosed)
    else if (end !== 'reset') this.onBroken(end === 'ended' ? errorCodes.streamClosed : errorCodes.protocol)
  }

  private takeLateData(id: number, length: number): void {
    if (this.isUnused(id)) return this.onBroken(errorCodes.protocol)
    this.windows.giveBack(length, undefined)
    if (this.closed.endOf(id) !== 'reset') this.onStreamError(id, errorCodes.streamClosed)
  }

  private isUnused(id: number): boolean {
    return id > this.lastId || (id & 1) === 0
  }

  private forget(stream: SessionStream, end: StreamEnd): void {
    if (!this.streams.delete(stream.id)) return
    this.waiting.delete(stream)
    this.closed.add(stream.id, end)
    if (this.streams.size === 0 && !this.isOver) this.parts.owner.onIdle()
  }

  /** §6.9.2: another first window is another window for every stream. */
  private widen(change: number): ErrorNumber | undefined {
    if (change === 0) return undefined
    for (const stream of this.streams.values()) {
      stream.sendWindow += change
      if (stream.sendWindow > most) return errorCodes.flowControl
    }
    return undefined
  }

  private cutOff(kind: Http2Flood): void {
    if (this.isOver) return
    this.parts.owner.onFlood(kind)
    this.onBroken(errorCodes.calm)
  }
}
