/**
 * One connection to an endpoint, one request at a time on it. A request without a body is one string and one write; a
 * response's head is read once from one latin-1 string (RFC 9112 §4, §6).
 */
import type { Socket } from 'node:net'
import type { ErrorCode } from '@sluice/errors'
import { ChunkedDecoder, isBrokenHead, type ResponseHead } from '@sluice/http'
import { isRepeatable, type EngineAttempt } from './engine-attempt.ts'
import { BodyPump } from './engine-body-pump.ts'
import { handOnCopy } from './read-copy.ts'
import { hasLength, requestText } from './request-text.ts'
import type { ResponseHeads } from './response-heads.ts'
import { SweptDeadline } from '../swept-deadline.ts'
import { TextWriter } from '../text-writer.ts'
import { connectCode, openSocket, type SocketPlace, type SocketReader } from './upstream-socket.ts'
import { isTlsError } from './upstream-tls.ts'
import { agreesToWebsocket, askForWebsocket } from './websocket-upgrade.ts'

/** The pool, as its connections see it. */
export interface ConnectionOwner extends SocketPlace {
  readonly connectMs: number
  /** Of all its connections. */
  readonly heads: ResponseHeads
  /** The connection is free for another request. */
  release(connection: UpstreamConnection): void
  /** The connection is gone. */
  forget(connection: UpstreamConnection): void
  /** The kept-alive connection of this attempt was closed under it; it may go out once more, on a new one. */
  resend(attempt: EngineAttempt): void
}

/** Beyond it bytes are cheaper than a text. */
const maxWholeText = 16 * 1024
const maxHeadBytes = 64 * 1024
/** Before the final response; they are the hop's own business and not passed on. */
const maxInterimResponses = 20

type Phase = 'connecting' | 'idle' | 'head' | 'body' | 'switched' | 'gone'

export class UpstreamConnection implements SocketReader {
  /** The sweep that first saw it free, on the monotonic clock; 0 before. */
  freeSince = 0
  private readonly owner: ConnectionOwner
  private readonly socket: Socket
  private readonly writer: TextWriter
  private phase: Phase = 'connecting'
  /** The network is through; what fails from here to the end of the handshake is TLS. */
  private isShakingHands = false
  private attempt: EngineAttempt | undefined
  private pump: BodyPump | undefined
  private head: ResponseHead | undefined
  private chunks: ChunkedDecoder | undefined
  private headText = ''
  private interim = 0
  private bodyLeft = 0
  private isBodyOver = false
  private isReusable = true
  /** Read and not yet handed on, while the attempt is paused. */
  private held: Buffer | undefined
  private endedWhilePaused = false
  private served = 0
  private websocketAccept = ''
  private readonly deadline = new SweptDeadline()

  constructor(owner: ConnectionOwner) {
    this.owner = owner
    this.socket = openSocket(owner, this)
    this.writer = new TextWriter(this.socket, owner.tls !== undefined)
    this.socket.on('error', (error) => this.onGone(error))
    this.socket.on('end', () => this.onEnd())
    this.socket.on('close', () => this.onGone(undefined))
  }

  begin(attempt: EngineAttempt): void {
    this.attempt = attempt
    attempt.connection = this
    if (this.phase === 'connecting') this.deadline.set(this.owner.connectMs)
    else this.write(attempt)
  }

  checkDeadline(now: number): void {
    if (!this.deadline.isOver(now)) return
    this.fail(this.phase === 'connecting' ? 'upstream.connect_timeout' : this.phase === 'head' ? 'upstream.response_timeout' : 'upstream.idle_timeout', undefined)
  }

  /** The attempt's reader cannot take more: its slowness is not the upstream's silence. */
  pause(): void {
    this.deadline.clear()
    this.socket.pause()
  }

  resume(): void {
    this.arm()
    // Nothing is read before this returns; what was held comes first.
    this.socket.resume()
    const { held, attempt } = this
    this.held = undefined
    if (held !== undefined) this.takeRest(held, 0)
    else if (this.isBodyOver) this.complete()
    if (this.endedWhilePaused && this.attempt === attempt && attempt?.isPaused === false) this.onEnd()
  }

  /** The attempt is not wanted any more, and with it the rest of its response. */
  abort(): void {
    this.attempt = undefined
    this.drop()
  }

  /** Ends it without a word to anybody. */
  drop(): void {
    if (this.phase === 'gone') return
    this.phase = 'gone'
    this.deadline.clear()
    this.held = undefined
    this.pump?.stop()
    this.pump = undefined
    this.owner.forget(this)
    this.socket.destroy()
  }

  /** Ends it, and tells whoever waits for its response. */
  cut(): void {
    const { attempt } = this
    const isSent = this.phase !== 'connecting'
    this.attempt = undefined
    this.drop()
    attempt?.fail('upstream.reset', isSent, undefined)
  }

  onHandshake(): void {
    this.isShakingHands = true
  }

  onConnect(): void {
    this.isShakingHands = false
    if (this.phase !== 'connecting') return
    this.phase = 'idle'
    if (this.attempt !== undefined) this.write(this.attempt)
  }

  private write(attempt: EngineAttempt): void {
    const { fields, body, upgrade } = attempt.request
    this.phase = 'head'
    let text = requestText(attempt.request)
    if (upgrade !== undefined) text += this.askToSwitch(fields)
    if (body === null) this.writer.writeSoon(`${text}\r\n`)
    else {
      const isChunked = !hasLength(fields)
      this.writer.write(isChunked ? `${text}Transfer-Encoding: chunked\r\n\r\n` : `${text}\r\n`)
      this.pump = new BodyPump({
        socket: this.socket,
        body,
        isChunked,
        onProgress: () => this.arm(),
        // Nothing is wrong with the upstream: the client left, or sent what is no body.
        onFailed: (error) => this.fail('client.aborted', error),
      })
    }
    this.arm()
  }

  private askToSwitch(fields: readonly string[]): string {
    const { lines, accept } = askForWebsocket(fields)
    this.websocketAccept = accept
    return lines
  }

  /** Sets the deadline for whatever is waited for now: nothing, while it is the client's turn. */
  private arm(): void {
    const { attempt, pump } = this
    if (attempt === undefined || attempt.isPaused) this.deadline.clear()
    else if (this.phase === 'body' || pump?.isBlocked === true) this.deadline.set(attempt.request.idleMs)
    else if (pump === undefined || pump.isDone) this.deadline.set(attempt.request.firstByteMs)
    else this.deadline.clear()
  }

  onRead(bytes: Buffer, length: number): boolean {
    if (this.attempt === undefined) {
      // Bytes that nobody asked for, after a response or before any request: whose they are cannot be known.
      this.drop()
      return false
    }
    // It came before the request has left: to whom it belongs cannot be known either.
    if (this.writer.isHolding) {
      this.fail('upstream.reset', undefined)
      return false
    }
    this.take(bytes, length)
    return this.attempt?.isPaused !== true
  }

  private take(bytes: Buffer, length: number): void {
    if (this.phase === 'body') return this.takeRest(bytes.subarray(0, length), 0)
    const text = this.headText + bytes.toString('latin1', 0, length)
    const at = this.takeHead(bytes, length, text)
    if (at >= 0 && !(text.length === length && this.giveWhole(text, at))) this.takeRest(bytes.subarray(0, length), at)
  }

  /** The usual case: a short body that came with its head, and nothing behind it. As text it is copied least. */
  private giveWhole(text: string, from: number): boolean {
    const { attempt, head } = this
    if (attempt === undefined || attempt.isPaused || head?.framing !== 'length' || this.bodyLeft !== text.length - from || text.length > maxWholeText) return false
    if (attempt.handler?.onWholeBody?.(text.slice(from)) !== true) return false
    this.isBodyOver = true
    if (this.attempt === attempt && !attempt.isPaused) this.complete()
    return true
  }

  /** Answers where the body begins, -1 when there is nothing to go on with. */
  private takeHead(bytes: Buffer, length: number, text: string): number {
    const { heads } = this.owner
    const { method } = this.attempt!.request
    const before = this.headText.length
    const known = before === 0 ? heads.recall(text, method) : undefined
    if (known !== undefined) {
      this.beginBody(known.head)
      return known.length
    }
    let start = 0
    for (;;) {
      const end = text.indexOf('\r\n\r\n', Math.max(start, before - 3))
      if (end < 0) return this.keepHead(text.slice(start))
      const head = heads.read(text, start, end + 4, method)
      if (head === undefined || end + 4 - start > maxHeadBytes) return this.refuse()
      if (head.status === 101) return this.switchProtocols(head, bytes.subarray(end + 4 - before, length))
      if (head.status >= 200) {
        this.headText = ''
        this.beginBody(head)
        return end + 4 - before
      }
      if (++this.interim > maxInterimResponses) return this.refuse()
      start = end + 4
    }
  }

  /** The endpoint speaks another protocol from here on: the connection is the attempt's, to its end. */
  private switchProtocols(head: ResponseHead, rest: Buffer): number {
    const { socket, attempt } = this
    if (attempt?.request.upgrade === undefined || !agreesToWebsocket(head.fields, this.websocketAccept)) return this.refuse()
    this.phase = 'switched'
    this.attempt = undefined
    this.deadline.clear()
    socket.pause()
    for (const event of ['data', 'end']) socket.removeAllListeners(event)
    if (rest.length > 0) socket.unshift(rest)
    attempt.end()?.onUpgrade(head.fields.flat, socket)
    return -1
  }

  private keepHead(text: string): number {
    this.headText = text
    const isHopeless = text.length > maxHeadBytes || !text.startsWith('HTTP/1.'.slice(0, text.length)) || isBrokenHead(text)
    return isHopeless ? this.refuse() : -1
  }

  private refuse(): number {
    this.fail('upstream.bad_response', undefined)
    return -1
  }

  private beginBody(head: ResponseHead): void {
    this.head = head
    this.phase = 'body'
    this.isReusable = head.keepAlive
    this.bodyLeft = head.framing === 'length' ? head.fields.contentLength : 0
    this.chunks = head.framing === 'chunked' ? new ChunkedDecoder() : undefined
    this.arm()
    this.attempt?.handler?.onHead(head.status, head.fields.flat.slice())
    this.isBodyOver = head.framing === 'none'
  }

  private takeRest(input: Buffer, from: number): void {
    const { attempt } = this
    if (attempt === undefined || this.phase !== 'body') return
    if (attempt.isPaused) {
      if (from < input.length) this.held = Buffer.from(input.subarray(from))
      return
    }
    const end = this.isBodyOver || from === input.length ? from : this.takeBody(input, from)
    if (this.attempt !== attempt || !this.isBodyOver) return
    // More than the response: to whom it belongs cannot be known, so nothing further comes from this connection.
    if (end < input.length) this.isReusable = false
    if (!attempt.isPaused) this.complete()
  }

  private takeBody(input: Buffer, from: number): number {
    this.arm()
    const { framing } = this.head!
    if (framing === 'length') return this.takeLength(input, from)
    if (framing === 'chunked') return this.takeChunks(input, from, this.chunks!)
    handOn(this.attempt!, input.subarray(from))
    return input.length
  }

  private takeLength(input: Buffer, from: number): number {
    const end = Math.min(input.length, from + this.bodyLeft)
    this.bodyLeft -= end - from
    this.isBodyOver = this.bodyLeft === 0
    handOn(this.attempt!, input.subarray(from, end))
    return end
  }

  private takeChunks(input: Buffer, from: number, decoder: ChunkedDecoder): number {
    const attempt = this.attempt!
    const end = decoder.feed(input, from, (piece) => handOn(attempt, piece))
    if (decoder.state === 'bad') this.fail('upstream.bad_response', undefined)
    else this.isBodyOver = decoder.state === 'done'
    return end
  }

  private complete(): void {
    const attempt = this.attempt!
    const trailers = this.chunks?.trailers
    const isSent = this.pump?.isDone !== false
    this.attempt = undefined
    this.pump?.stop()
    this.pump = undefined
    const handler = attempt.end()
    if (this.isReusable && isSent) this.free()
    else this.drop()
    handler?.onEnd(trailers)
  }

  private free(): void {
    this.phase = 'idle'
    this.served++
    this.interim = 0
    this.isBodyOver = false
    this.deadline.clear()
    this.freeSince = 0
    this.owner.release(this)
  }

  /** The upstream closed its side: the end of a body without a length, otherwise the end too early. */
  private onEnd(): void {
    if (this.phase !== 'body' || this.head?.framing !== 'close' || this.attempt === undefined) return this.onGone(undefined)
    this.isReusable = false
    if (this.held !== undefined || this.attempt.isPaused) this.endedWhilePaused = true
    else this.complete()
  }

  private onGone(error: Error | undefined): void {
    if (this.phase === 'gone') return
    if (this.phase === 'switched') this.drop()
    // Everything is here and only waits for its reader.
    else if (this.isBodyOver || this.endedWhilePaused) this.isReusable = false
    else if (this.isShakingHands || isTlsError(error)) this.fail('upstream.tls_failed', error)
    else this.fail(this.phase === 'connecting' ? connectCode(error) : 'upstream.reset', error)
  }

  private fail(code: ErrorCode, cause: unknown): void {
    const { attempt } = this
    const isSent = this.phase !== 'connecting' && !this.writer.isHolding
    const isUntouched = this.phase === 'head' && this.served > 0 && this.headText === '' && this.interim === 0
    this.attempt = undefined
    this.drop()
    if (attempt === undefined) return
    if (code === 'upstream.reset' && isUntouched && isRepeatable(attempt)) this.owner.resend(attempt)
    else attempt.fail(code, isSent, cause)
  }
}

function handOn({ handler }: EngineAttempt, piece: Buffer): void {
  if (handler !== undefined) handOnCopy(handler, piece)
}
