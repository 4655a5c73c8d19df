/** `EndpointPool` on undici: kept-alive connections, one request at a time on each. */
import type { ErrorCode } from '@sluice/errors'
import type { LookupFunction } from 'node:net'
import { buildConnector, Pool, type Dispatcher } from 'undici'
import type { Attempt, AttemptHandler, AttemptRequest, EndpointPool } from './upstream-client.ts'
import { checkName, isTlsError, nameFor, type UpstreamTls } from './upstream-tls.ts'

export interface PoolOptions {
  /** `http://host:port`, `https://host:port` or `unix:PATH` */
  readonly origin: string
  /** Who resolves names [the system]. */
  readonly lookup?: LookupFunction | undefined
  readonly connectMs: number
  /** For `https`. */
  readonly tls?: UpstreamTls | undefined
}

export class UndiciPool implements EndpointPool {
  private readonly pool: Pool
  private readonly serverName: string | undefined

  constructor(options: PoolOptions) {
    const { connectMs, tls, lookup } = options
    const socketPath = options.origin.startsWith('unix:') ? options.origin.slice(5) : undefined
    const origin = socketPath === undefined ? options.origin : 'http://localhost'
    const host = new URL(origin).hostname.replace(/^\[|\]$/g, '')
    this.serverName = tls === undefined ? undefined : (tls.serverName ?? host)
    const plain = { timeout: connectMs, ...(socketPath === undefined ? {} : { socketPath }), ...(lookup === undefined ? {} : { lookup }) }
    this.pool = new Pool(origin, {
      connect: tls === undefined ? plain : secureConnector(tls, nameFor(tls, host), connectMs),
      pipelining: 1,
      keepAliveTimeout: 30_000,
      keepAliveMaxTimeout: 300_000,
      keepAliveTimeoutThreshold: 1000,
      maxHeaderSize: 64 * 1024,
      allowH2: false,
    })
  }

  send(request: AttemptRequest, handler: AttemptHandler): Attempt {
    const attempt = new UndiciAttempt(handler)
    this.pool.dispatch(
      {
        path: request.path,
        method: request.method as Dispatcher.HttpMethod,
        headers: request.fields,
        body: request.body,
        // One for all: undici would open another connection for each Host.
        ...(this.serverName === undefined ? {} : { servername: this.serverName }),
        headersTimeout: request.firstByteMs,
        bodyTimeout: request.idleMs,
      },
      attempt,
    )
    attempt.dispatched = true
    return attempt
  }

  close(): Promise<void> {
    return this.pool.close()
  }

  destroy(): void {
    void this.pool.destroy()
  }
}

/** undici would ask for the name in the request's Host, which is the client's word. */
function secureConnector(tls: UpstreamTls, serverName: string, timeout: number): buildConnector.connector {
  const connector = buildConnector({ timeout, secureContext: tls.context, checkServerIdentity: checkName } as buildConnector.BuildOptions)
  return (options, callback) => connector({ ...options, servername: serverName }, callback)
}

class UndiciAttempt implements Attempt, Dispatcher.DispatchHandler {
  /** Before it, `send` has not returned: a failure waits until the caller holds the attempt. */
  dispatched = false
  private readonly handler: AttemptHandler
  private controller: Dispatcher.DispatchController | undefined
  private aborted = false

  constructor(handler: AttemptHandler) {
    this.handler = handler
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller
    if (this.aborted) controller.abort(new Error('aborted'))
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    // Informational responses are the hop's own business; the final one is still to come.
    if (this.aborted || status < 200) return
    this.handler.onHead(status, textFields(controller.rawHeaders))
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (!this.aborted) this.handler.onData(chunk)
  }

  onResponseEnd(): void {
    if (!this.aborted) this.handler.onEnd()
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (!this.dispatched) queueMicrotask(() => this.fail(error))
    else this.fail(error)
  }

  private fail(error: Error): void {
    if (!this.aborted) this.handler.onFailure(codeOfError(error), this.controller !== undefined, error)
  }

  pause(): void {
    this.controller?.pause()
  }

  resume(): void {
    this.controller?.resume()
  }

  abort(): void {
    if (this.aborted) return
    this.aborted = true
    this.controller?.abort(new Error('aborted'))
  }
}

/** undici hands header bytes on as they came; a field's bytes are latin-1 (RFC 9110 §5.5). */
function textFields(raw: unknown): string[] {
  const fields = raw as readonly (Buffer | string)[]
  return fields.map((field) => (typeof field === 'string' ? field : field.toString('latin1')))
}

const codes: Readonly<Record<string, ErrorCode>> = {
  ECONNREFUSED: 'upstream.connect_refused',
  UND_ERR_CONNECT_TIMEOUT: 'upstream.connect_timeout',
  ETIMEDOUT: 'upstream.connect_timeout',
  UND_ERR_HEADERS_TIMEOUT: 'upstream.response_timeout',
  UND_ERR_BODY_TIMEOUT: 'upstream.idle_timeout',
  ENOTFOUND: 'upstream.unreachable',
  EAI_AGAIN: 'upstream.unreachable',
  EHOSTUNREACH: 'upstream.unreachable',
  ENETUNREACH: 'upstream.unreachable',
  UND_ERR_HEADERS_OVERFLOW: 'upstream.bad_response',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'upstream.reset',
  UND_ERR_INVALID_ARG: 'client.bad_request',
}

function codeOfError(error: Error): ErrorCode {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  const known = codes[code]
  if (known !== undefined) return known
  if (isTlsError(error)) return 'upstream.tls_failed'
  return code.startsWith('HPE_') || error.name === 'HTTPParserError' ? 'upstream.bad_response' : 'upstream.reset'
}
