/**
 * One attempt as a stream of an HTTP/2 connection. Flow control is the stream's own: what the client does not take is
 * not read, so that the endpoint's window closes, and the request's body is taken only while the endpoint takes it.
 * Trailer fields of a request end here (RFC 9110 §6.5 allows it): Node ends the process when a stream that waits for
 * them is given up at the wrong moment.
 */
import { constants, type ClientHttp2Session, type ClientHttp2Stream } from 'node:http2'
import type { ErrorCode } from '@sluice/errors'
import type { AttemptConnection, EngineAttempt } from './engine-attempt.ts'
import { BodyPump } from './engine-body-pump.ts'
import { http2RequestFields, readHttp2Response } from './http2-fields.ts'

/** The connection, as its streams see it. */
export interface StreamOwner {
  readonly scheme: 'http' | 'https'
  /** Something came from the endpoint. */
  noteHeard(): void
  /** Nothing came for too long: is the endpoint still there? */
  doubt(): void
  /** It broke before a response began. `isUntouched`: the endpoint has not looked at the request. */
  onFailed(attempt: EngineAttempt, code: ErrorCode, isUntouched: boolean, cause: unknown): void
  /** Whether the endpoint has said that it took nothing from this stream on. */
  isBeyondGoaway(streamId: number): boolean
  /** The stream is gone, and makes room for another. */
  release(stream: UpstreamStream): void
}

const { NGHTTP2_CANCEL, NGHTTP2_FLAG_END_STREAM, NGHTTP2_REFUSED_STREAM } = constants

export class UpstreamStream implements AttemptConnection {
  private readonly owner: StreamOwner
  private readonly stream: ClientHttp2Stream
  private attempt: EngineAttempt | undefined
  private pump: BodyPump | undefined
  private hasHead = false
  /** Of the body, still to come; -1 when nobody knows. */
  private bodyLeft = -1
  private trailers: readonly string[] | undefined
  private deadlineAt = Infinity

  constructor(owner: StreamOwner, session: ClientHttp2Session, attempt: EngineAttempt) {
    this.owner = owner
    const { body, upgrade } = attempt.request
    const endStream = body === null && upgrade === undefined
    this.stream = session.request(http2RequestFields(attempt.request, owner.scheme), { endStream })
    this.attempt = attempt
    attempt.connection = this
    this.stream.on('response', this.onResponse)
    this.stream.on('data', this.onData)
    this.stream.on('trailers', this.onTrailers)
    this.stream.on('end', this.onEnd)
    this.stream.on('error', this.onError)
    this.stream.on('close', this.onClose)
    if (body !== null) this.pump = this.sendBody(body)
    this.arm()
  }

  checkDeadline(now: number): void {
    if (now < this.deadlineAt) return
    this.owner.doubt()
    this.fail(this.hasHead ? 'upstream.idle_timeout' : 'upstream.response_timeout', undefined)
  }

  pause(): void {
    this.deadlineAt = Infinity
    this.stream.pause()
  }

  resume(): void {
    this.arm()
    this.stream.resume()
  }

  /** The attempt is not wanted any more. */
  abort(): void {
    this.attempt = undefined
    this.stop()
  }

  /** Ends it, and tells whoever waits for its response. */
  cut(): void {
    this.fail('upstream.reset', undefined)
  }

  private sendBody(body: NonNullable<EngineAttempt['request']['body']>): BodyPump {
    const { stream } = this
    const pump = new BodyPump({
      socket: stream,
      body,
      isChunked: false,
      onProgress: () => {
        this.arm()
        if (this.pump?.isDone === true) stream.end()
      },
      // Nothing is wrong with the upstream: the client left, or sent what is no body.
      onFailed: (error) => this.fail('client.aborted', error),
    })
    body.resume()
    return pump
  }

  /** Sets the deadline for whatever is waited for: the head, or anything at all while both may speak. */
  private arm(): void {
    const { attempt } = this
    if (attempt === undefined || attempt.isPaused) this.deadlineAt = Infinity
    else {
      const isWaitingForHead = !this.hasHead && this.pump?.isDone !== false
      this.deadlineAt = performance.now() + (isWaitingForHead ? attempt.request.firstByteMs : attempt.request.idleMs)
    }
  }

  private readonly onResponse = (_fields: unknown, flags: number, raw: string[]): void => {
    this.owner.noteHeard()
    const head = readHttp2Response(raw)
    if (head === undefined) return this.fail('upstream.bad_response', undefined)
    if (this.attempt?.request.upgrade !== undefined && head.status < 300) return this.switchProtocols(head.fields)
    const isWhole = (flags & NGHTTP2_FLAG_END_STREAM) !== 0
    const isBodyless = isWhole || head.status === 204 || head.status === 304 || this.attempt?.request.method === 'HEAD'
    this.hasHead = true
    this.bodyLeft = isBodyless ? -1 : head.contentLength
    this.arm()
    this.attempt?.handler?.onHead(head.status, head.fields, isWhole)
  }

  private readonly onData = (piece: Buffer): void => {
    this.owner.noteHeard()
    this.arm()
    if (this.bodyLeft > 0) this.bodyLeft -= piece.length
    this.attempt?.handler?.onData(piece)
  }

  private readonly onTrailers = (_fields: unknown, _flags: number, raw: string[]): void => {
    this.trailers = raw
  }

  private readonly onEnd = (): void => {
    const { attempt } = this
    // A reset that speaks of no error ends a stream here as if it were whole.
    if (!this.hasHead || this.bodyLeft > 0) return this.fail('upstream.reset', undefined)
    this.attempt = undefined
    const handler = attempt?.end()
    this.stop()
    handler?.onEnd(this.trailers)
  }

  private readonly onError = (error: Error): void => this.fail('upstream.reset', error)

  private readonly onClose = (): void => {
    this.fail('upstream.reset', undefined)
    this.owner.release(this)
  }

  /** RFC 8441 §5: the stream carries what a connection would. */
  private switchProtocols(fields: string[]): void {
    const { stream, attempt } = this
    this.attempt = undefined
    this.deadlineAt = Infinity
    stream.pause()
    for (const event of ['data', 'end']) stream.removeAllListeners(event)
    attempt?.end()?.onUpgrade(fields, stream)
  }

  private fail(code: ErrorCode, cause: unknown): void {
    const { attempt, stream, hasHead } = this
    if (attempt === undefined) return
    this.attempt = undefined
    const isUnread = stream.pending || stream.rstCode === NGHTTP2_REFUSED_STREAM || this.owner.isBeyondGoaway(stream.id ?? 0)
    const isUntouched = code === 'upstream.reset' && !hasHead && isUnread && attempt.request.body?.readableDidRead !== true
    this.stop()
    if (hasHead) attempt.fail(code, true, cause)
    else this.owner.onFailed(attempt, code, isUntouched, cause)
  }

  /** Nobody wants the rest of it. */
  private stop(): void {
    this.deadlineAt = Infinity
    this.pump?.stop()
    this.pump = undefined
    if (!this.stream.closed) this.stream.close(NGHTTP2_CANCEL)
  }
}
