/**
 * `EndpointPool` on plain sockets: kept-alive connections, one request at a time on each, last used first. A request
 * without a body is one string and one write; a response's head is read once from one latin-1 string. Sockets read
 * into one shared buffer (`onread`), which spares a Buffer and a stream event for each read: what has to outlive the
 * callback is copied there.
 */
import { connect, type Socket } from 'node:net'
import { SluiceError, type ErrorCode } from '@sluice/errors'
import { ChunkedDecoder, parseResponseHead, type ResponseHead } from '@sluice/http'
import type { Attempt, AttemptHandler, AttemptRequest, EndpointPool } from './upstream-client.ts'

export interface EnginePoolOptions {
  /** `http://host:port` */
  readonly origin: string
  readonly connectMs: number
}

const readBuffer = Buffer.allocUnsafeSlow(64 * 1024)
const maxHeadBytes = 64 * 1024
/** Kept-alive connections that nobody used for this long are closed; upstreams close theirs after five seconds or more. */
const idleMs = 4000
const maxIdle = 256
const sweepMs = 100

export class EnginePool implements EndpointPool {
  readonly options: EnginePoolOptions
  readonly host: string
  readonly port: number
  private readonly idle: UpstreamConnection[] = []
  private readonly busy = new Set<UpstreamConnection>()
  private sweeper: NodeJS.Timeout | undefined
  private closing: (() => void) | undefined

  constructor(options: EnginePoolOptions) {
    this.options = options
    const { hostname, port } = new URL(options.origin)
    this.host = hostname.replace(/^\[|\]$/g, '')
    this.port = Number(port || 80)
  }

  send(request: AttemptRequest, handler: AttemptHandler): Attempt {
    const connection = this.idle.pop() ?? new UpstreamConnection(this)
    this.busy.add(connection)
    this.sweeper ??= setInterval(() => this.sweep(), sweepMs).unref()
    return connection.start(request, handler)
  }

  close(): Promise<void> {
    for (const connection of this.idle.splice(0)) connection.destroy()
    if (this.busy.size === 0) {
      this.destroy()
      return Promise.resolve()
    }
    return new Promise((resolve) => (this.closing = resolve))
  }

  destroy(): void {
    clearInterval(this.sweeper)
    this.sweeper = undefined
    for (const connection of [...this.idle.splice(0), ...this.busy]) connection.destroy()
    this.closing?.()
  }

  /** A connection is free again, or gone. */
  release(connection: UpstreamConnection, reusable: boolean): void {
    this.busy.delete(connection)
    if (reusable && this.closing === undefined && this.idle.length < maxIdle) this.idle.push(connection)
    else connection.destroy()
    if (this.closing !== undefined && this.busy.size === 0) this.destroy()
  }

  forget(connection: UpstreamConnection): void {
    this.busy.delete(connection)
    const at = this.idle.indexOf(connection)
    if (at >= 0) this.idle.splice(at, 1)
  }

  private sweep(): void {
    const now = performance.now()
    for (const connection of this.busy) connection.checkDeadline(now)
    // The oldest stand first.
    while (this.idle.length > 0 && now - this.idle[0]!.freeSince > idleMs) this.idle.shift()!.destroy()
    if (this.idle.length === 0 && this.busy.size === 0) {
      clearInterval(this.sweeper)
      this.sweeper = undefined
    }
  }
}

type Phase = 'connecting' | 'head' | 'body' | 'idle' | 'gone'

class UpstreamConnection {
  freeSince = 0
  private readonly pool: EnginePool
  private readonly socket: Socket
  private phase: Phase = 'connecting'
  private connected = false
  private request: AttemptRequest | undefined
  private handler: AttemptHandler | undefined
  private attempt: EngineAttempt | undefined
  private head: ResponseHead | undefined
  private chunks: ChunkedDecoder | undefined
  private headText = ''
  private bodyLeft = 0
  private deadlineAt = Infinity
  private requestDone = true
  private sent = false

  constructor(pool: EnginePool) {
    this.pool = pool
    this.socket = connect({
      host: pool.host,
      port: pool.port,
      noDelay: true,
      keepAlive: true,
      onread: { buffer: readBuffer, callback: (length: number) => this.onRead(length) },
    } as never)
    this.socket.on('connect', () => this.onConnect())
    this.socket.on('error', (error) => this.onGone(error))
    this.socket.on('end', () => this.onEnd())
    this.socket.on('close', () => this.onGone(undefined))
  }

  start(request: AttemptRequest, handler: AttemptHandler): Attempt {
    this.request = request
    this.handler = handler
    this.requestDone = request.body === null
    this.sent = false
    this.headText = ''
    this.head = undefined
    this.attempt = new EngineAttempt(this, this.socket)
    if (this.connected) this.write()
    else this.deadlineAt = performance.now() + this.pool.options.connectMs
    return this.attempt
  }

  checkDeadline(now: number): void {
    if (now < this.deadlineAt) return
    const code = this.phase === 'connecting' ? 'upstream.connect_timeout' : this.phase === 'head' ? 'upstream.response_timeout' : 'upstream.idle_timeout'
    this.fail(code, undefined)
  }

  destroy(): void {
    this.phase = 'gone'
    this.socket.destroy()
  }

  /** The caller wants no more of it. */
  abort(): void {
    this.handler = undefined
    this.request?.body?.destroy()
    this.pool.forget(this)
    this.destroy()
  }

  private onConnect(): void {
    this.connected = true
    if (this.request !== undefined) this.write()
  }

  private write(): void {
    const request = this.request!
    this.phase = 'head'
    this.sent = true
    this.deadlineAt = performance.now() + request.firstByteMs
    const { fields } = request
    let text = `${request.method} ${request.path} HTTP/1.1\r\n`
    for (let index = 0; index < fields.length; index += 2) text += `${fields[index]!}: ${fields[index + 1]!}\r\n`
    if (request.body === null) {
      this.socket.write(`${text}\r\n`, 'latin1')
      return
    }
    const isChunked = !hasLength(fields)
    this.socket.write(isChunked ? `${text}Transfer-Encoding: chunked\r\n\r\n` : `${text}\r\n`, 'latin1')
    this.pump(request.body, isChunked)
  }

  private pump(body: NonNullable<AttemptRequest['body']>, isChunked: boolean): void {
    const { socket } = this
    const onDrain = (): void => void body.resume()
    socket.on('drain', onDrain)
    body.on('data', (piece: Buffer) => {
      if (this.phase === 'gone') return
      this.deadlineAt = performance.now() + (this.head === undefined ? this.request?.firstByteMs : this.request?.idleMs)!
      if (isChunked) socket.write(`${piece.length.toString(16)}\r\n`, 'latin1')
      const roomy = socket.write(piece)
      if (isChunked) socket.write('\r\n', 'latin1')
      if (!roomy) body.pause()
    })
    body.once('end', () => {
      socket.off('drain', onDrain)
      if (this.phase === 'gone') return
      if (isChunked) socket.write('0\r\n\r\n', 'latin1')
      this.requestDone = true
      if (this.phase === 'idle') this.free()
    })
    body.once('error', (error) => {
      socket.off('drain', onDrain)
      this.fail('upstream.reset', error)
    })
  }

  /** True goes on reading. */
  private onRead(length: number): boolean {
    if (this.handler === undefined) {
      // Bytes that nobody asked for, after a response or before any request: whose they are cannot be known.
      this.pool.forget(this)
      this.destroy()
      return false
    }
    const input = readBuffer.subarray(0, length)
    if (this.phase === 'body') this.takeBody(input, 0)
    else this.takeHead(input)
    return this.attempt === undefined || !this.attempt.paused
  }

  private takeHead(input: Buffer): void {
    const before = this.headText.length
    this.headText += input.toString('latin1')
    const end = this.headText.indexOf('\r\n\r\n', Math.max(0, before - 3))
    if (end < 0) {
      if (this.headText.length > maxHeadBytes) this.fail('upstream.bad_response', undefined)
      return
    }
    const head = parseResponseHead(this.headText, 0, end + 4, this.request!.method)
    if (head === undefined || head.status === 101) return this.fail('upstream.bad_response', undefined)
    const rest = end + 4 - before
    if (head.status < 200) {
      this.headText = ''
      if (rest < input.length) this.takeHead(Buffer.from(input.subarray(rest)))
      return
    }
    this.begin(head)
    if (this.phase === 'body') this.takeBody(input, rest)
    else if (rest < input.length && this.phase === 'idle') this.spoil()
  }

  private begin(head: ResponseHead): void {
    const handler = this.handler!
    this.head = head
    this.phase = 'body'
    this.bodyLeft = head.framing === 'length' ? head.fields.contentLength : 0
    this.chunks = head.framing === 'chunked' ? new ChunkedDecoder() : undefined
    this.deadlineAt = performance.now() + this.request!.idleMs
    handler.onHead(head.status, head.fields.flat)
    if (head.framing === 'none') this.complete()
  }

  private takeBody(input: Buffer, from: number): void {
    if (from >= input.length) return
    const { idleMs } = this.request!
    this.deadlineAt = performance.now() + idleMs
    switch (this.head!.framing) {
      case 'length':
        return this.takeLength(input, from)
      case 'chunked':
        return this.takeChunks(input, from)
      default:
        this.handler!.onData(Buffer.from(input.subarray(from)))
    }
  }

  private takeLength(input: Buffer, from: number): void {
    const end = Math.min(input.length, from + this.bodyLeft)
    this.bodyLeft -= end - from
    const excess = end < input.length
    this.handler!.onData(Buffer.from(input.subarray(from, end)))
    if (this.bodyLeft > 0) return
    if (excess) this.head = { ...this.head!, keepAlive: false }
    this.complete()
  }

  private takeChunks(input: Buffer, from: number): void {
    const decoder = this.chunks!
    const end = decoder.feed(input, from, (piece) => this.handler?.onData(Buffer.from(piece)))
    if (this.handler === undefined) return
    if (decoder.state === 'bad') return this.fail('upstream.bad_response', undefined)
    if (decoder.state !== 'done') return
    if (end < input.length) this.head = { ...this.head!, keepAlive: false }
    this.complete()
  }

  private complete(): void {
    const { handler } = this
    if (handler === undefined) return
    const reusable = this.head!.keepAlive
    this.handler = undefined
    this.attempt?.end()
    this.phase = reusable ? 'idle' : 'gone'
    this.deadlineAt = Infinity
    if (!reusable) this.pool.release(this, false)
    else if (this.requestDone) this.free()
    handler.onEnd()
  }

  private free(): void {
    this.request = undefined
    this.attempt = undefined
    this.freeSince = performance.now()
    this.pool.release(this, true)
  }

  private spoil(): void {
    this.pool.forget(this)
    this.destroy()
  }

  private onEnd(): void {
    if (this.phase === 'body' && this.head?.framing === 'close' && this.handler !== undefined) {
      this.head = { ...this.head, keepAlive: false }
      this.complete()
    } else this.onGone(undefined)
  }

  private onGone(error: Error | undefined): void {
    if (this.phase === 'gone' && this.handler === undefined) return
    this.fail(this.connected ? 'upstream.reset' : connectCode(error), error)
  }

  private fail(code: ErrorCode, cause: unknown): void {
    const { handler, sent } = this
    this.handler = undefined
    this.pool.forget(this)
    this.destroy()
    handler?.onFailure(code, sent, cause ?? new SluiceError(code))
  }
}

class EngineAttempt implements Attempt {
  paused = false
  private readonly connection: UpstreamConnection
  private readonly socket: Socket
  private over = false

  constructor(connection: UpstreamConnection, socket: Socket) {
    this.connection = connection
    this.socket = socket
  }

  pause(): void {
    if (this.over) return
    this.paused = true
    this.socket.pause()
  }

  /** The connection goes on to other requests: this attempt has no say in it any more. */
  end(): void {
    this.resume()
    this.over = true
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    this.socket.resume()
  }

  abort(): void {
    if (this.over) return
    this.over = true
    this.connection.abort()
  }
}

function hasLength(fields: readonly string[]): boolean {
  for (let index = 0; index < fields.length; index += 2) {
    const name = fields[index]!
    if (name.length === 14 && name.toLowerCase() === 'content-length') return true
  }
  return false
}

function connectCode(error: Error | undefined): ErrorCode {
  switch ((error as NodeJS.ErrnoException | undefined)?.code) {
    case 'ECONNREFUSED':
      return 'upstream.connect_refused'
    case 'ETIMEDOUT':
      return 'upstream.connect_timeout'
    default:
      return 'upstream.unreachable'
  }
}
