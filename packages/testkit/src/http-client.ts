import { request as httpRequest, type Agent, type IncomingHttpHeaders, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { ConnectionOptions } from 'node:tls'

export interface FetchOptions {
  method?: string
  headers?: Record<string, string | string[]>
  body?: string | Uint8Array
  /** false [default]: a connection of its own, closed afterwards; an agent: its connections. */
  agent?: Agent | false
  /** The request target exactly as it should be sent; a URL would lose `/../` and the like. */
  path?: string
  socketPath?: string
  timeoutMs?: number
  signal?: AbortSignal
  tls?: ConnectionOptions
}

export interface FetchedResponse {
  status: number
  headers: IncomingHttpHeaders
  rawHeaders: string[]
  trailers: NodeJS.Dict<string>
  /** The body as UTF-8. */
  body: string
  bytes: Buffer
  /** Whether the request went over a connection that had carried one before. */
  reusedConnection: boolean
  json<T = unknown>(): T
}

/** One request and its whole response. Follows no redirect, decodes nothing, adds no header but Host and a length. */
export function fetchOnce(url: string | URL, options: FetchOptions = {}): Promise<FetchedResponse> {
  const target = new URL(url)
  return new Promise((resolve, reject) => {
    const send = target.protocol === 'https:' ? httpsRequest : httpRequest
    const request = send(target, requestOptions(options), (response) => {
      readResponse(response, request.reusedSocket).then(resolve, reject)
    })
    const { timeoutMs = 10_000 } = options
    const timer = setTimeout(() => request.destroy(new Error(`no whole response from ${url} within ${timeoutMs} ms`)), timeoutMs)
    request.on('close', () => clearTimeout(timer))
    request.on('error', reject)
    request.end(options.body)
  })
}

function requestOptions(options: FetchOptions): RequestOptions & ConnectionOptions {
  const { method = 'GET', headers = {}, agent = false, path, socketPath, signal, tls } = options
  return { method, headers, agent, ...tls, ...(path !== undefined && { path }), ...(socketPath !== undefined && { socketPath }), ...(signal && { signal }) }
}

async function readResponse(response: IncomingMessage, reusedConnection: boolean): Promise<FetchedResponse> {
  const chunks: Buffer[] = []
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
  const bytes = Buffer.concat(chunks)
  const { statusCode: status = 0, headers, rawHeaders, trailers } = response
  const body = bytes.toString('utf8')
  return { status, headers, rawHeaders, trailers, body, bytes, reusedConnection, json: <T>() => JSON.parse(body) as T }
}
