/**
 * `ClientSide` over one stream of an HTTP/2 connection. Flow control is the stream's own: a body is taken only while
 * its reader wants it, so the client's window closes when the upstream is slow, and the other way round.
 */
import { constants, type ServerHttp2Stream } from 'node:http2'
import type { Duplex, Readable } from 'node:stream'
import { passableTrailers } from '@sluice/http'
import type { ClientCertificate } from '@sluice/policies/exchange'
import type { ClientSide, ClientWatcher, Upgrade } from './client-side.ts'
import { EngineBody } from './engine-body.ts'
import type { Http2Request } from './http2-request.ts'
import { http2Fields } from './http2-response.ts'

/** What a stream needs of the connection that it runs on. */
export interface Http2Host {
  readonly peerAddress: string
  readonly localPort: number
  readonly encrypted: boolean
  readonly clientCertificate: ClientCertificate | undefined
  /** How long a client may stay away with a body that is waited for, with taking what was sent, and go on with what nobody reads. */
  readonly limits: { readonly bodyMs: number; readonly sendMs: number; readonly discardMs: number }
  /** The last piece of a response is about to be sent. */
  onResponseEnding(): void
  /** The stream is gone; `takenBack`: by the client, before it had an answer. */
  onStreamOver(side: Http2ClientSide, takenBack: boolean): void
}

const { NGHTTP2_INTERNAL_ERROR, NGHTTP2_CANCEL, NGHTTP2_NO_ERROR } = constants
const none: readonly string[] = []
/** Of an answer in HTTP/1.1. */
const handshakeFields: ReadonlySet<string> = new Set(['sec-websocket-accept', 'content-length'])

export class Http2ClientSide implements ClientSide {
  readonly httpVersion = '2.0'
  readonly method: string
  readonly target: string
  readonly fields: string[]
  readonly declaredBytes: number | undefined
  readonly upgrade: Upgrade | undefined
  watcher: ClientWatcher | undefined
  private readonly host: Http2Host
  private readonly stream: ServerHttp2Stream
  private readonly request: Http2Request
  private source: EngineBody | undefined
  private bodyDone: boolean
  /** The client waits for a 100 before it sends the body. */
  private awaitsContinue: boolean
  private bodyDeadlineAt = Infinity
  private sendDeadlineAt = Infinity
  /** Held back until the first piece of the body, so that a response without one is a single frame. */
  private pendingHead: string[] | undefined
  private trailers: readonly string[] | undefined
  private bodyless = false
  private headSent = false
  private hasTrailers = false
  private responseEnded = false
  private cutByUs = false

  constructor(host: Http2Host, stream: ServerHttp2Stream, request: Http2Request, hasBody: boolean) {
    this.host = host
    this.stream = stream
    this.request = request
    this.method = request.method
    this.target = request.target
    this.fields = request.fields
    this.bodyDone = !hasBody
    this.awaitsContinue = request.expectsContinue && hasBody
    this.upgrade = request.protocol === 'websocket' ? 'websocket' : undefined
    this.declaredBytes = hasBody && this.upgrade === undefined ? (request.contentLength < 0 ? undefined : request.contentLength) : 0
    stream.on('error', () => undefined)
    stream.on('drain', this.onDrain)
    stream.on('close', this.onClose)
  }

  get peerAddress(): string {
    return this.host.peerAddress
  }

  get localPort(): number {
    return this.host.localPort
  }

  get encrypted(): boolean {
    return this.host.encrypted
  }

  get clientCertificate(): ClientCertificate | undefined {
    return this.host.clientCertificate
  }

  get isGrpc(): boolean {
    return this.request.isGrpc
  }

  get acceptsTrailers(): boolean {
    return this.request.acceptsTrailers
  }

  get isGone(): boolean {
    return !this.responseEnded && (this.stream.closed || this.stream.destroyed)
  }

  checkDeadline(now: number): void {
    if (now >= this.sendDeadlineAt) this.stream.close(NGHTTP2_CANCEL)
    else if (now >= this.bodyDeadlineAt) this.bodyTimedOut()
  }

  body(onChunk: (bytesSoFar: number, piece: Uint8Array) => boolean): Readable {
    const { stream } = this
    const source = new EngineBody(onChunk, this.onWanted)
    this.source = source
    if (this.bodyDone) source.finish(none)
    // Paused first: listening to `data` would otherwise let it flow before anybody wants it.
    stream.pause()
    stream.on('data', this.onData)
    stream.on('trailers', (_fields: unknown, _flags: unknown, raw?: string[]) => (source.trailers = raw ?? none))
    stream.on('end', this.onBodyEnd)
    return source
  }

  sendHead(status: number, fields: string[], flush: boolean): void {
    this.bodyless = this.method === 'HEAD' || status === 204 || status === 205 || status === 304
    this.pendingHead = http2Fields(status, fields)
    if (flush) this.respond(this.bodyless)
  }

  send(chunk: Uint8Array): boolean {
    if (this.isGone || this.bodyless || chunk.length === 0) return true
    this.respond(false)
    if (!this.stream.writable) return true
    const roomy = this.stream.write(chunk)
    if (!roomy) this.sendDeadlineAt = performance.now() + this.host.limits.sendMs
    return roomy
  }

  end(chunk?: Uint8Array | string, trailers?: readonly string[]): void {
    if (this.responseEnded) return
    const hasBody = chunk !== undefined && chunk.length > 0 && !this.bodyless
    this.trailers = trailers
    this.host.onResponseEnding()
    if (!this.isGone) {
      this.respond(!hasBody && !this.sendsTrailers)
      if (hasBody) this.stream.end(chunk)
      else if (this.stream.writable) this.stream.end()
    }
    this.responseEnded = true
    this.sendDeadlineAt = performance.now() + this.host.limits.sendMs
    this.leaveBody()
  }

  /** RFC 8441 §5: the stream carries what a connection would; nobody had to prove that they understood. */
  switchProtocols(fields: string[]): Duplex {
    const { stream } = this
    this.responseEnded = true
    stream.off('drain', this.onDrain)
    stream.pause()
    const head = http2Fields(200, fields)
    const kept = head.filter((_, at) => !handshakeFields.has(head[at & ~1]!))
    if (!stream.closed && !stream.destroyed) stream.respond(kept)
    return stream
  }

  /** Other streams of the connection have nothing to do with it: nothing but the rest of the body is given up. */
  closeAfterwards(): void {
    this.source?.destroy()
  }

  destroy(): void {
    this.cutByUs = true
    this.source?.destroy()
    this.stream.close(NGHTTP2_INTERNAL_ERROR)
  }

  private get sendsTrailers(): boolean {
    return this.request.acceptsTrailers && this.trailers !== undefined && this.trailers.length > 0 && !this.bodyless
  }

  private respond(endStream: boolean): void {
    const head = this.pendingHead
    this.pendingHead = undefined
    if (head === undefined || this.stream.closed || this.stream.destroyed) return
    const waitForTrailers = this.request.acceptsTrailers && !endStream
    this.hasTrailers = waitForTrailers
    try {
      if (waitForTrailers) this.stream.on('wantTrailers', this.onWantTrailers)
      this.stream.respond(head, { endStream, waitForTrailers })
      this.headSent = true
    } catch {
      // A field that HTTP/2 cannot carry: the client sees the stream fail, others are not touched.
      this.destroy()
    }
  }

  private readonly onWantTrailers = (): void => {
    const kept = passableTrailers(this.trailers ?? none)
    const trailers: Record<string, string[]> = {}
    for (let at = 0; at < kept.length; at += 2) (trailers[kept[at]!.toLowerCase()] ??= []).push(kept[at + 1]!)
    this.stream.sendTrailers(trailers)
  }

  /** The response is complete; the client is told to stop sending what nobody reads (RFC 9113 §8.1). */
  private leaveBody(): void {
    if (this.bodyDone) return
    this.source?.destroy()
    if (this.hasTrailers || this.request.isGrpc) return this.discardBody()
    this.bodyDeadlineAt = Infinity
    this.stream.close(NGHTTP2_NO_ERROR)
  }

  /**
   * A reset would overtake trailers (and Node ends the process for a stream that still waits for them), and gRPC clients
   * take it for the end of the call: they stop by themselves once they have read how it ended.
   */
  private discardBody(): void {
    this.bodyDeadlineAt = performance.now() + this.host.limits.discardMs
    this.stream.off('data', this.onData)
    this.stream.resume()
  }

  private readonly onWanted = (): void => {
    if (this.awaitsContinue && !this.headSent && !this.isGone) this.stream.additionalHeaders({ ':status': 100 })
    this.awaitsContinue = false
    this.armBodyDeadline()
    this.stream.resume()
  }

  private readonly onData = (chunk: Buffer): void => {
    const source = this.source!
    source.accept(chunk)
    if (source.isWanting) this.armBodyDeadline()
    else {
      this.bodyDeadlineAt = Infinity
      this.stream.pause()
    }
  }

  private readonly onBodyEnd = (): void => {
    this.bodyDone = true
    this.bodyDeadlineAt = Infinity
    this.source?.finish(this.source.trailers)
  }

  /** A gRPC call is a conversation: a client that says nothing for a while may be listening. */
  private armBodyDeadline(): void {
    this.bodyDeadlineAt = this.request.isGrpc ? Infinity : performance.now() + this.host.limits.bodyMs
  }

  private bodyTimedOut(): void {
    this.bodyDeadlineAt = Infinity
    if (this.responseEnded) return this.stream.close(NGHTTP2_NO_ERROR)
    this.source?.fail(new Error('the body did not arrive in time'))
    this.watcher?.onBadBody('client.body_timeout')
  }

  private readonly onDrain = (): void => {
    if (!this.responseEnded) this.sendDeadlineAt = Infinity
    this.watcher?.onClientDrain()
  }

  private readonly onClose = (): void => {
    const takenBack = !this.responseEnded && !this.cutByUs
    const isUnanswered = takenBack && !this.headSent
    this.sendDeadlineAt = Infinity
    this.bodyDeadlineAt = Infinity
    if (!this.bodyDone) this.source?.fail(new Error('the client left before the body was complete'))
    if (takenBack) this.watcher?.onClientGone()
    this.host.onStreamOver(this, isUnanswered)
  }
}
