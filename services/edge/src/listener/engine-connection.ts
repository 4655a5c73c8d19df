/**
 * One client connection on a plain socket: requests are read strictly, one after another, and answered in order. A
 * request's head is read once from one latin-1 string. No stream objects: what a read brought waits here until the
 * exchange takes it, and the socket is not read meanwhile, so that at most one read's worth is ever kept.
 */
import type { Socket } from 'node:net'
import type { ErrorCode } from '@sluice/errors'
import type { ClientCertificate } from '@sluice/policies/exchange'
import type { RequestHead } from '@sluice/http'
import type { ClientSide } from './client-side.ts'
import { clientCertificateOf } from './client-certificate.ts'
import { endOfLife, type ConnectionLifetime } from './door-rules.ts'
import { probeText, refusalText } from './engine-answers.ts'
import { EngineClientSide, type EngineHost } from './engine-client-side.ts'
import { HeadReader } from './engine-head-reader.ts'
import type { EngineLimits } from './engine-limits.ts'
import { SweptDeadline } from '../swept-deadline.ts'
import { TextWriter } from '../text-writer.ts'
import { readAsStream, readDirectly, takeUnread } from './shared-reads.ts'
import { asksForWebsocket, websocketKeyOf } from './websocket-request.ts'

export interface EngineConnectionParts {
  /** Of connections that begin now. */
  readonly limits: () => EngineLimits
  readonly lifetime: () => ConnectionLifetime
  readonly encrypted: boolean
  readonly healthPath: () => string | undefined
  readonly isServing: () => boolean
  readonly isDraining: () => boolean
  readonly onExchange: (client: ClientSide) => void
  readonly onClosed: (connection: EngineConnection) => void
  readonly requestId: () => string
}

export class EngineConnection implements EngineHost {
  readonly socket: Socket
  readonly writer: TextWriter
  readonly limits: EngineLimits
  readonly encrypted: boolean
  readonly peerAddress: string
  readonly localPort: number
  private readonly parts: EngineConnectionParts
  /** The exchange that is running; the next request waits for its end. */
  private current: EngineClientSide | undefined
  /** What the last read brought and nobody has taken yet: from `inputAt` on. `inputText` is the same as text. */
  private input: Buffer | undefined
  private inputText: string | undefined
  private inputAt = 0
  private inputEnd = 0
  /** `input` is what all connections read into: it is theirs again once this turn is over. */
  private isInputShared = false
  private readonly heads: HeadReader
  private isAdvancing = false
  private isReading = true
  private isClosing = false
  private isDiscarding = false
  private lingeredBytes = 0
  private readonly deadline = new SweptDeadline()
  private sendDeadlineAt = Infinity
  /** The sweep that first saw it without a request, on the monotonic clock; 0 before. */
  private idleSince = 0
  private oldAt: number
  /** Until it is old; 0 when they are not counted. */
  private requestsLeft: number
  /** It ends with its next response: an idle one is left to its client, for whom nothing is lost then. */
  private isOld = false
  private certificate: ClientCertificate | undefined
  private hasReadCertificate = false

  /** `peerAddress`: of the client, where somebody in front has said whose connection it is. */
  constructor(socket: Socket, parts: EngineConnectionParts, peerAddress = socket.remoteAddress ?? '') {
    this.socket = socket
    this.parts = parts
    this.limits = parts.limits()
    this.encrypted = parts.encrypted
    this.writer = new TextWriter(socket, parts.encrypted)
    this.heads = new HeadReader(this.limits.maxHeadBytes)
    this.peerAddress = peerAddress
    this.localPort = socket.localPort ?? 0
    const lifetime = parts.lifetime()
    this.oldAt = endOfLife(lifetime, performance.now())
    this.requestsLeft = lifetime.maxRequests
    this.deadline.set(this.limits.headMs)
    socket.setNoDelay(true)
    if (readDirectly(socket, (bytes, length) => this.onShared(bytes, length))) process.nextTick(() => this.takeUnread())
    else socket.on('data', (chunk: Buffer) => this.onData(chunk)).resume()
    // Before Node's own listener, behind which nothing can be written to a socket that may not be half open.
    socket.prependListener('end', () => this.onEnd())
    socket.on('drain', () => this.onDrain())
    socket.on('error', () => undefined)
    socket.on('close', () => this.onClose())
  }

  get clientCertificate(): ClientCertificate | undefined {
    if (!this.hasReadCertificate) {
      this.hasReadCertificate = true
      this.certificate = clientCertificateOf(this.socket)
    }
    return this.certificate
  }

  get isDraining(): boolean {
    return this.isOld || this.parts.isDraining()
  }

  get hasInput(): boolean {
    return this.input !== undefined
  }

  /** Whether it has been waiting for a request since `instant`. */
  isIdleSince(instant: number): boolean {
    return this.current === undefined && !this.isClosing && !this.heads.hasBegun && this.input === undefined && this.idleSince !== 0 && this.idleSince <= instant
  }

  checkDeadline(now: number): void {
    if (now >= this.oldAt) this.isOld = true
    if (this.idleSince === 0) this.idleSince = now
    if (!this.deadline.isOver(now) && now < this.sendDeadlineAt) return
    if (this.isClosing || this.isDiscarding || now >= this.sendDeadlineAt) this.socket.destroy()
    else if (this.current !== undefined) this.current.bodyTimedOut()
    else if (this.heads.hasBegun) this.refuse('client.header_timeout')
    else this.socket.destroy()
  }

  /** Goes on with what has been read, until it is used up or somebody has to be waited for. */
  advance(): void {
    // An exchange that ends while the loop runs is followed by the next turn of the loop, however many are pipelined.
    if (this.isAdvancing || this.isClosing) return
    this.isAdvancing = true
    while (this.input !== undefined && this.step());
    this.isAdvancing = false
    if (this.isClosing) return
    this.read(this.input === undefined)
    if (this.current !== undefined && !this.isDiscarding) this.armBodyDeadline(this.current)
  }

  awaitDrain(): void {
    this.sendDeadlineAt = performance.now() + this.limits.sendMs
  }

  /** The response is complete and nobody wants the rest of the request's body. */
  discardRest(): void {
    this.isDiscarding = true
    this.deadline.set(this.limits.discardMs)
    this.advance()
  }

  handOver(): Socket {
    if (this.isInputShared) this.keepInput()
    const { socket, input, inputAt } = this
    this.writer.flush()
    socket.pause()
    readAsStream(socket)
    for (const event of ['data', 'end', 'drain']) socket.removeAllListeners(event)
    if (input !== undefined) socket.unshift(input.subarray(inputAt))
    this.input = undefined
    this.inputText = undefined
    this.deadline.clear()
    this.sendDeadlineAt = Infinity
    return socket
  }

  /** The exchange is over on both sides: the next request may be read. */
  finish(keepAlive: boolean): void {
    this.current = undefined
    this.isDiscarding = false
    if (!keepAlive) return this.close()
    this.idleSince = 0
    this.deadline.set(this.limits.keepAliveMs)
    if (this.input !== undefined || !this.isReading) this.advance()
  }

  private takeUnread(): void {
    takeUnread(this.socket, (chunk) => this.onData(chunk))
    if (this.isReading) this.socket.resume()
  }

  private onData(chunk: Buffer): void {
    if (this.isClosing) return this.linger(chunk.length)
    const input = this.input === undefined ? chunk : Buffer.concat([this.input.subarray(this.inputAt), chunk])
    this.take(input, input.length)
  }

  private onShared(bytes: Buffer, length: number): void {
    if (this.isClosing) return this.linger(length)
    if (this.input !== undefined) return this.onData(Buffer.from(bytes.subarray(0, length)))
    this.isInputShared = true
    this.take(bytes, length)
    if (this.isInputShared) this.keepInput()
  }

  private take(input: Buffer, length: number): void {
    this.input = input
    this.inputText = undefined
    this.inputAt = 0
    this.inputEnd = length
    this.advance()
  }

  /** What outlives this turn, or goes on to others, is copied. */
  private keepInput(): void {
    this.isInputShared = false
    if (this.input === undefined) return
    this.input = Buffer.from(this.input.subarray(this.inputAt, this.inputEnd))
    this.inputText = undefined
    this.inputAt = 0
    this.inputEnd = this.input.length
  }

  /** One request's head, or one piece of its body; false when somebody has to be waited for. */
  private step(): boolean {
    if (this.current === undefined) {
      // A client that sends requests and takes no responses gets no further.
      if (this.socket.writableNeedDrain) return false
      this.readHead(this.input!)
      return true
    }
    if (this.isInputShared) this.keepInput()
    const from = this.inputAt
    const to = this.current.takeBody(this.input!, from)
    if (to === from) return false
    this.consume(to)
    return true
  }

  private consume(to: number): void {
    if (this.input === undefined) return
    this.inputAt = to
    if (to < this.inputEnd) return
    this.input = undefined
    this.inputText = undefined
  }

  private read(wanted: boolean): void {
    if (wanted === this.isReading) return
    this.isReading = wanted
    if (wanted) this.socket.resume()
    else this.socket.pause()
  }

  private readHead(input: Buffer): void {
    const { heads } = this
    const hadBegun = heads.hasBegun
    this.consume(heads.feed((this.inputText ??= input.toString('latin1', 0, this.inputEnd)), this.inputAt))
    const { outcome } = heads
    if (outcome !== undefined) this.takeHead(outcome)
    else if (heads.hasBegun && !hadBegun) this.deadline.set(this.limits.headMs)
  }

  private takeHead(head: RequestHead | ErrorCode): void {
    if (typeof head === 'string') return this.refuse(head)
    const problem = unsupported(head)
    if (problem !== undefined) return this.refuse(problem)
    this.deadline.clear()
    if (this.requestsLeft > 0 && --this.requestsLeft === 0) this.isOld = true
    if (this.isHealthProbe(head)) return this.answerProbe(head)
    this.current = new EngineClientSide(this, head)
    this.parts.onExchange(this.current)
  }

  private isHealthProbe(head: RequestHead): boolean {
    const path = this.parts.healthPath()
    return path !== undefined && (head.target === path || head.target.startsWith(`${path}?`))
  }

  private answerProbe(head: RequestHead): void {
    const keepAlive = head.keepAlive && head.framing === 'none' && !this.isDraining
    this.writer.write(probeText({ isServing: this.parts.isServing(), isHead: head.method === 'HEAD', minor: head.minor, keepAlive }))
    this.finish(keepAlive)
  }

  /** What the parser refuses never becomes an exchange; it is answered here, and the connection ends. */
  private refuse(code: ErrorCode): void {
    this.writer.write(refusalText(code, this.parts.requestId()))
    this.close()
  }

  /** Nothing more is read as a request (RFC 9112 §9.6); what comes is thrown away until the client has had its response. */
  private close(): void {
    const { sendMs, lingerMs } = this.limits
    this.isClosing = true
    this.input = undefined
    this.inputText = undefined
    this.read(true)
    this.deadline.set(sendMs)
    this.writer.flush()
    this.socket.end(() => this.deadline.set(lingerMs))
  }

  private linger(bytes: number): void {
    this.lingeredBytes += bytes
    if (this.lingeredBytes > this.limits.maxLingerBytes) this.socket.destroy()
  }

  /** Only a client that is waited for can be late: one that is held up by a slow upstream is not. */
  private armBodyDeadline(side: EngineClientSide): void {
    if (side.awaitsBody && this.input === undefined) this.deadline.set(this.limits.bodyMs)
    else this.deadline.clear()
  }

  private onDrain(): void {
    this.sendDeadlineAt = Infinity
    if (this.current === undefined) this.advance()
    else this.current.watcher?.onClientDrain()
  }

  /**
   * The client closed its side. While an exchange runs that means it has left: from here a client that only
   * half-closed looks the same as one that is gone, and work for one that is gone must end (as nginx decides too).
   */
  private onEnd(): void {
    this.writer.flush()
    if (this.current !== undefined && !this.isDiscarding) this.socket.destroy()
    else if (!this.isClosing) this.close()
  }

  private onClose(): void {
    this.isClosing = true
    this.input = undefined
    const { current } = this
    this.current = undefined
    current?.gone()
    this.parts.onClosed(this)
  }
}

/** What is well-formed and cannot be done: CONNECT, an expectation that nobody can meet, a WebSocket asked for badly. */
function unsupported(head: RequestHead): ErrorCode | undefined {
  if (head.method === 'CONNECT') return 'client.upgrade_unsupported'
  if (head.minor === 0) return undefined
  if (head.fields.expectsUnknown) return 'client.expectation_unknown'
  // Other protocols may be ignored (RFC 9110 §7.8); a WebSocket's client would take the answer for a refusal it cannot
  // explain, and what it sends behind a bad request for the next one.
  return head.fields.asksUpgrade && asksForWebsocket(head) && websocketKeyOf(head) === undefined ? 'client.bad_upgrade' : undefined
}
