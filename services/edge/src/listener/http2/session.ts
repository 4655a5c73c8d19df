/**
 * What frames mean to one connection (RFC 9113): what becomes of its streams, and how it ends. Priorities are not heeded (§5.3). No
 * socket: bytes come by `reader`, frames go out by `send`.
 */
import type { Http2Limits } from '../http2-limits.ts'
import { ClientSettings, firstWindow, settingIds } from './client-settings.ts'
import type { StreamEnd } from './closed-streams.ts'
import { FloodWatch, type Http2Flood } from './flood-watch.ts'
import { FrameReader, type FrameHandler } from './frame-reader.ts'
import { errorCodes, goawayFrame, most, pingFrame, resetFrame, settingsAck, settingsFrame, windowFrame, type ErrorNumber } from './frames.ts'
import { HpackDecoder } from './hpack-decoder.ts'
import type { KnownStrings } from './known-strings.ts'
import { ReceiveWindows } from './receive-windows.ts'
import { RequestFields } from './request-fields.ts'
import { SendWindows, type SendingStream } from './send-windows.ts'
import type { SessionOwner, SessionStream } from './session-stream.ts'
import { StreamTable } from './stream-table.ts'

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
  readonly settings = new ClientSettings()
  readonly sending = new SendWindows()
  private readonly parts: SessionParts
  private readonly streams = new StreamTable()
  private readonly decoder: HpackDecoder
  private readonly fields: RequestFields
  private readonly receiving: ReceiveWindows
  private readonly watch: FloodWatch
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
    this.receiving = new ReceiveWindows(limits, send)
    this.watch = new FloodWatch(limits, (kind) => this.cutOff(kind))
    send(settingsFrame([
      [settingIds.concurrentStreams, limits.maxConcurrentStreams], [settingIds.windowBytes, limits.windowBytes],
      [settingIds.listBytes, limits.maxHeaderListBytes], [settingIds.connectProtocol, 1],
    ]) + windowFrame(0, limits.connectionWindowBytes - firstWindow))
  }

  get isIdle(): boolean {
    return this.streams.size === 0
  }

  checkDeadlines(now: number): void {
    for (const stream of this.streams.all()) stream.checkDeadline(now)
  }

  /** For a request that becomes an exchange: from here on the stream is found by its number. */
  open(stream: SessionStream): void {
    this.streams.add(stream)
  }

  /** Notes a frame of DATA; `isCut`: a window was too narrow for more of it. */
  noteSent(stream: SendingStream, bytes: number, isCut: boolean): void {
    this.sending.take(stream, bytes)
    this.watch.noteSent(bytes, isCut)
  }

  /** So much of a body has been taken, or thrown away. */
  giveBack(stream: SessionStream, bytes: number): void {
    if (!this.isOver) this.receiving.giveBack(bytes, stream.isHalfClosed || !this.streams.isOpen(stream) ? undefined : stream)
  }

  /** Ends a stream that is not through. */
  reset(stream: SessionStream, code: ErrorNumber): void {
    if (!this.streams.isOpen(stream)) return
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
    const { streams } = this
    if (this.isOver || streams.endsAfter !== most) return
    streams.endsAfter = streams.lastId
    this.parts.send(goawayFrame(streams.lastId, errorCodes.none))
  }

  /** The connection is gone, or about to be. */
  close(): void {
    this.isOver = true
    this.reader.stop()
    this.sending.clear()
    for (const stream of this.streams.empty()) stream.onBroken()
  }

  // --- frames, as the reader tells of them ---

  onHeaders(id: number, bytes: Buffer, from: number, to: number, endStream: boolean): void {
    if (this.isOver) return
    const stream = this.streams.find(id)
    this.fields.begin(stream !== undefined)
    // Whatever becomes of the stream: its fields may be in the table from now on.
    if (!this.decoder.decode(bytes, from, to, this.fields)) return this.onBroken(errorCodes.compression)
    if (stream !== undefined) return this.takeTrailers(stream, endStream)
    if ((id & 1) === 0) return this.onBroken(errorCodes.protocol)
    if (id <= this.streams.lastId) return this.takeLateHeaders(id)
    this.streams.lastId = id
    this.takeRequest(id, endStream)
  }

  onDataBegin(id: number, length: number): void {
    if (this.isOver) return
    this.bodyStream = undefined
    this.bodyLeft = length
    if (!this.receiving.takes(length)) return this.onBroken(errorCodes.flowControl)
    const stream = this.streams.find(id)
    if (stream === undefined || stream.isHalfClosed) return this.takeLateData(id, length)
    stream.receiveWindow -= length
    if (stream.receiveWindow >= 0) this.bodyStream = stream
    else {
      this.receiving.giveBack(length, undefined)
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
    if (endStream && this.streams.find(id) === stream && !stream.onBodyEnd(none)) this.onStreamError(id, errorCodes.protocol)
  }

  onReset(id: number): void {
    if (this.isOver) return
    const stream = this.streams.find(id)
    if (stream === undefined) return this.streams.isUnused(id) ? this.onBroken(errorCodes.protocol) : this.watch.countIdleFrame()
    const { isAnswered } = stream
    this.forget(stream, 'takenBack')
    stream.onBroken()
    if (!isAnswered) this.watch.countReset()
  }

  onSettings(bytes: Buffer, from: number, to: number): void {
    if (this.isOver) return
    const before = this.settings.streamWindow
    const problem = this.settings.take(bytes, from, to)
    if (problem !== undefined) return this.onBroken(problem)
    if (!this.sending.widenAll(this.streams.all(), this.settings.streamWindow - before)) return this.onBroken(errorCodes.flowControl)
    this.watch.countControlFrame('settings')
    if (this.isOver) return
    this.parts.send(settingsAck)
    this.sending.wake()
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
    if (id === 0) return this.sending.widen(increment) ? undefined : this.onBroken(errorCodes.flowControl)
    const stream = this.streams.find(id)
    if (stream === undefined) return this.streams.isUnused(id) ? this.onBroken(errorCodes.protocol) : undefined
    if (!this.sending.widenOne(stream, increment)) this.onStreamError(id, errorCodes.flowControl)
  }

  onIdleFrame(): void {
    if (!this.isOver) this.watch.countIdleFrame()
  }

  onEndlessHeaders(): void {
    if (!this.isOver) this.cutOff('continuations')
  }

  onStreamError(id: number, code: ErrorNumber): void {
    if (this.isOver) return
    const stream = this.streams.find(id)
    if (stream !== undefined) this.reset(stream, code)
    // A stream that was never begun cannot be ended (RFC 9113 §5.1).
    else if (this.streams.isUnused(id)) return this.onBroken(code)
    else this.parts.send(resetFrame(id, code))
    this.watch.countReset()
  }

  onBroken(code: ErrorNumber): void {
    if (this.isOver) return
    this.parts.send(goawayFrame(this.streams.lastId, code))
    this.close()
    this.parts.owner.onBroken()
  }

  // --- what becomes of them ---

  private takeRequest(id: number, endStream: boolean): void {
    const { limits, owner } = this.parts
    // Beyond the last stream that a GOAWAY has named a client may ask again elsewhere (§6.8).
    if (id > this.streams.endsAfter || this.streams.size >= limits.maxConcurrentStreams) return this.refuse(id)
    const request = this.fields.request()
    // A body that was announced has to come (§8.1.1).
    if (request !== undefined && !(endStream && request.contentLength > 0)) return owner.onRequest(id, request, endStream)
    this.turnAway(id, errorCodes.protocol)
    this.watch.countReset()
  }

  /** A client may not have heard of the limit yet (§5.1.2); one that has goes beyond it on purpose. */
  private refuse(id: number): void {
    this.turnAway(id, errorCodes.refused)
    if (this.hasAgreed && this.streams.endsAfter === most) this.watch.countReset()
  }

  private turnAway(id: number, code: ErrorNumber): void {
    this.streams.noteReset(id)
    this.parts.send(resetFrame(id, code))
  }

  private takeTrailers(stream: SessionStream, endStream: boolean): void {
    if (stream.isHalfClosed) return this.onStreamError(stream.id, errorCodes.streamClosed)
    const trailers = this.fields.trailers()
    if (!endStream || trailers === undefined || !stream.onBodyEnd(trailers)) this.onStreamError(stream.id, errorCodes.protocol)
  }

  private takeLateHeaders(id: number): void {
    const end = this.streams.endOf(id)
    if (end === 'takenBack') this.onStreamError(id, errorCodes.streamClosed)
    else if (end !== 'reset') this.onBroken(end === 'ended' ? errorCodes.streamClosed : errorCodes.protocol)
  }

  private takeLateData(id: number, length: number): void {
    if (this.streams.isUnused(id)) return this.onBroken(errorCodes.protocol)
    this.receiving.giveBack(length, undefined)
    if (this.streams.endOf(id) !== 'reset') this.onStreamError(id, errorCodes.streamClosed)
  }

  private forget(stream: SessionStream, end: StreamEnd): void {
    if (!this.streams.remove(stream, end)) return
    this.sending.stopWaiting(stream)
    if (this.streams.size === 0 && !this.isOver) this.parts.owner.onIdle()
  }

  private cutOff(kind: Http2Flood): void {
    if (this.isOver) return
    this.parts.owner.onFlood(kind)
    this.onBroken(errorCodes.calm)
  }
}
