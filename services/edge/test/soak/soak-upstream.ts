/** What stands behind the edge in the soak: short answers, event streams, WebSockets, and bodies as large as one asks for. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Cleanup } from '@sluice/testkit'
import { WebSocketServer } from 'ws'

const piece = Buffer.alloc(256 * 1024, 'x')
const eventMs = 500

/** `/bytes/N` sends N bytes, `/count` answers how many it was sent, `/events` never ends, `/chat` echoes; its URL. */
export async function startSoakUpstream(t: Cleanup): Promise<string> {
  const server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => answer(request, response))
  const sockets = new WebSocketServer({ noServer: true })
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    sockets.handleUpgrade(request, socket, head, (one) => {
      one.on('error', () => undefined)
      one.on('message', (data, isBinary) => one.send(data, { binary: isBinary }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(async () => {
    for (const one of sockets.clients) one.terminate()
    server.closeAllConnections()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url ?? '/'
  response.on('error', () => undefined)
  request.on('error', () => undefined)
  if (path.startsWith('/bytes/')) sendBytes(response, Number(path.slice('/bytes/'.length)))
  else if (path === '/count') countBytes(request, response)
  else if (path === '/events') sendEvents(response)
  else request.resume().on('end', () => response.end(`{"path":${JSON.stringify(path)},"text":"${'x'.repeat(200)}"}`))
}

function sendBytes(response: ServerResponse, bytes: number): void {
  response.writeHead(200, { 'content-length': bytes })
  let left = bytes
  const more = (): void => {
    while (left > 0) {
      const part = left < piece.length ? piece.subarray(0, left) : piece
      left -= part.length
      if (!response.write(part)) return
    }
    response.end()
  }
  response.on('drain', more)
  more()
}

function countBytes(request: IncomingMessage, response: ServerResponse): void {
  let bytes = 0
  request.on('data', (chunk: Buffer) => (bytes += chunk.length))
  request.on('end', () => response.end(String(bytes)))
}

function sendEvents(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  let count = 0
  const timer = setInterval(() => response.write(`data: ${count++}\n\n`), eventMs)
  response.write('data: begun\n\n')
  response.on('close', () => clearInterval(timer))
}
