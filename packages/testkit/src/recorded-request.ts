import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'

/** What a scripted upstream was sent. */
export interface RecordedRequest {
  method: string
  /** The request target as it was sent. */
  url: string
  httpVersion: string
  headers: IncomingHttpHeaders
  rawHeaders: string[]
  /** Empty until it has been read, which is before the script runs unless `readBodies` is false. */
  body: Buffer
  trailers: NodeJS.Dict<string>
  /** Number of the connection it came over, counted from 1. */
  connection: number
  /** When its head had been read, in ms of performance.now(). */
  at: number
  /** Resolves once the exchange is over: true when the whole answer was sent, false when the connection broke before. */
  done: Promise<boolean>
}

/** Of a request whose head has been read. */
export function recordRequest(request: IncomingMessage, response: ServerResponse, connection: number): RecordedRequest {
  const { method = '', url = '', httpVersion, headers, rawHeaders } = request
  const done = new Promise<boolean>((resolve) => response.once('close', () => resolve(response.writableFinished)))
  return { method, url, httpVersion, headers, rawHeaders, body: Buffer.alloc(0), trailers: {}, connection, at: performance.now(), done }
}

/** Reads the body and the trailers into `record`. */
export async function readBody(request: IncomingMessage, record: RecordedRequest): Promise<void> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  record.body = Buffer.concat(chunks)
  record.trailers = request.trailers
}
