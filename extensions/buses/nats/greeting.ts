/**
 * Looks whether a server greets (`INFO …`, the first line of the client protocol) before the client tries its first
 * connection: an attempt that the client gives up at its timeout leaves its socket open, and a server that hangs for
 * an hour would collect hundreds of them. Later attempts do not: the client clears up when it reconnects.
 */
import { connect } from 'node:net'

export interface ServerAddress {
  readonly host: string
  readonly port: number
}

/** Resolves when one of `servers` greets; rejects with why the last one did not, or when `signal` aborts. */
export async function awaitGreeting(servers: readonly ServerAddress[], timeoutMs: number, signal: AbortSignal): Promise<void> {
  try {
    await Promise.any(servers.map((server) => greets(server, timeoutMs, signal)))
  } catch (error) {
    throw error instanceof AggregateError ? error.errors.at(-1) : error
  }
}

function greets({ host, port }: ServerAddress, timeoutMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal })
    const timer = setTimeout(() => socket.destroy(new Error(`${host}:${port} did not greet within ${timeoutMs} ms`)), timeoutMs)
    let greeting = ''
    socket.setEncoding('latin1').on('data', (text: string) => {
      greeting += text
      if (greeting.startsWith('INFO ')) resolve()
      if (greeting.length >= 5) socket.destroy(new Error(`${host}:${port} does not greet like a NATS server`))
    })
    socket.on('error', reject)
    socket.on('close', () => {
      clearTimeout(timer)
      reject(new Error(`${host}:${port} closed the connection before it greeted`))
    })
  })
}
