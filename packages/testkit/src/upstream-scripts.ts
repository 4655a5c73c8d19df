// What a scripted upstream can do with a request, ready made. A test may also write its own.
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RecordedRequest } from './recorded-request.ts'

export interface Reply {
  record: RecordedRequest
  request: IncomingMessage
  response: ServerResponse
}

export type Script = (reply: Reply) => void | Promise<void>

export function answer(status: number, body: string | Uint8Array = '', headers: OutgoingHttpHeaders = {}): Script {
  return ({ response }) => {
    response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers })
    response.end(body)
  }
}

/** Answers with what it was sent, as JSON: `{method, url, headers, rawHeaders, body}`. */
export function echo(): Script {
  return (reply) => {
    const { method, url, headers, rawHeaders, body } = reply.record
    const text = JSON.stringify({ method, url, headers, rawHeaders, body: body.toString('utf8') })
    return answer(200, text, { 'content-type': 'application/json' })(reply)
  }
}

export function afterDelay(ms: number, next: Script): Script {
  return async (reply) => {
    await sleep(ms)
    await next(reply)
  }
}

/** Waits until `gate` resolves; what happens is then in the test's hand, without a time. */
export function afterPromise(gate: Promise<unknown>, next: Script): Script {
  return async (reply) => {
    await gate
    await next(reply)
  }
}

export function neverAnswer(): Script {
  return () => {}
}

/** Ends the connection by RST. */
export function resetConnection(): Script {
  return ({ request }) => breakConnection(request.socket)
}

/** Ends the connection by FIN, with no answer. */
export function closeConnection(): Script {
  return ({ request }) => void request.socket.end()
}

/** Sends a head and the chunks with a pause between them, then ends, or breaks the connection. */
export function streamChunks(chunks: readonly (string | Uint8Array)[], options: { everyMs?: number; status?: number; headers?: OutgoingHttpHeaders; thenReset?: boolean } = {}): Script {
  const { everyMs = 0, status = 200, headers = {}, thenReset = false } = options
  return async ({ request, response }) => {
    response.writeHead(status, headers)
    response.flushHeaders()
    for (const chunk of chunks) {
      response.write(chunk)
      await sleep(everyMs)
    }
    if (thenReset) breakConnection(request.socket)
    else response.end()
  }
}

/** Writes bytes to the socket as they are, valid HTTP or not, and closes. */
export function rawBytes(bytes: string | Uint8Array): Script {
  return ({ request }) => void request.socket.end(bytes)
}

/** Ends a connection by RST; one with TLS is ended without its closing alert, for Node resets only bare ones. */
export function breakConnection(socket: Socket): void {
  if ('encrypted' in socket) socket.destroy()
  else socket.resetAndDestroy()
}
