import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'

interface Place {
  /** [127.0.0.1] */
  host?: string
  /** Whether it wants TLS; whose certificate it shows does not matter here [false]. */
  tls?: boolean
}

/** Whether the server at `port` answers `greeting` with bytes that `isAnswer` accepts within a second. */
export function probe(port: number, greeting: string | Uint8Array, isAnswer: (received: Buffer) => boolean, { host = '127.0.0.1', tls = false }: Place = {}): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = tls ? connectTls({ port, host, rejectUnauthorized: false }) : connect({ port, host })
    const chunks: Buffer[] = []
    const finish = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(1000, () => finish(false))
    socket.on('error', () => finish(false)).on('close', () => finish(false))
    socket.on(tls ? 'secureConnect' : 'connect', () => socket.write(greeting))
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      if (isAnswer(Buffer.concat(chunks))) finish(true)
    })
  })
}
