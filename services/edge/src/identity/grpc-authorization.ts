/** Envoy's external authorisation over gRPC (`envoy.service.auth.v3`): one unary call on a connection that is kept. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import type { ExternalAnswer, ExternalQuestion } from '@sluice/policies/policy'
import { readCheckResponse, writeCheckRequest } from './check-messages.ts'
import type { Authorization } from './authorization.ts'

const path = '/envoy.service.auth.v3.Authorization/Check'
const maxAnswerBytes = 65_536
const prefixBytes = 5

export class GrpcAuthorization implements Authorization {
  readonly #url: URL
  readonly #timeoutMs: number
  #session: ClientHttp2Session | undefined

  constructor(url: string, timeoutMs: number) {
    this.#url = new URL(url)
    this.#timeoutMs = timeoutMs
  }

  ask(question: ExternalQuestion): Promise<ExternalAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<ExternalAnswer>()
    const stream = this.#open().request({
      ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers', 'grpc-timeout': `${this.#timeoutMs}m`, 'user-agent': 'sluice',
    })
    const timer = setTimeout(() => {
      reject(new Error(`no whole answer within ${this.#timeoutMs} ms`))
      stream.close(constants.NGHTTP2_CANCEL)
      // A server that hangs would keep every later call waiting: the next one gets a connection of its own.
      this.#drop()
    }, this.#timeoutMs)
    readUnary(stream).then((message) => resolve(readCheckResponse(message)), reject).catch(reject).finally(() => clearTimeout(timer))
    stream.end(framed(writeCheckRequest(question)))
    return promise
  }

  #open(): ClientHttp2Session {
    if (this.#session !== undefined && !this.#session.closed && !this.#session.destroyed) return this.#session
    const session = connect(this.#url)
    // It holds up no process that wants to end.
    session.unref()
    session.on('error', () => this.#forget(session))
    session.on('goaway', () => this.#forget(session))
    session.on('close', () => this.#forget(session))
    this.#session = session
    return session
  }

  #forget(session: ClientHttp2Session): void {
    if (this.#session === session) this.#session = undefined
  }

  #drop(): void {
    const session = this.#session
    this.#session = undefined
    session?.close()
  }
}

/** The message of a call that ended with status 0. */
function readUnary(stream: ClientHttp2Stream): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    let status: string | undefined
    const note = (headers: Record<string, unknown>): void => {
      if (headers['grpc-status'] !== undefined) status = String(headers['grpc-status'])
      else if (headers[':status'] !== undefined && headers[':status'] !== 200) status = `HTTP ${String(headers[':status'])}`
    }
    stream.on('response', note)
    stream.on('trailers', note)
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > maxAnswerBytes) stream.destroy(new Error(`the answer is larger than ${maxAnswerBytes} bytes`))
      else chunks.push(chunk)
    })
    stream.on('error', reject)
    stream.on('close', () => {
      if (status === '0') resolve(unframed(Buffer.concat(chunks)))
      else reject(new Error(status === undefined ? 'the call ended without a status' : `the call ended with status ${status}`))
    })
  })
}

/** gRPC over HTTP/2: a byte that says whether it is compressed, four of length, the message. */
function framed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(prefixBytes)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

/** Empty when it is no whole uncompressed message, which then has no verdict in it. */
function unframed(data: Buffer): Uint8Array {
  if (data.length < prefixBytes || data[0] !== 0 || data.readUInt32BE(1) !== data.length - prefixBytes) throw new Error('the answer is no whole message')
  return data.subarray(prefixBytes)
}
