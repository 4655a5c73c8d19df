import { connect } from 'node:net'

/** Whether the server at `port` answers `greeting` with bytes that `isAnswer` accepts within a second. */
export function probe(port: number, greeting: string | Uint8Array, isAnswer: (received: Buffer) => boolean, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host })
    const chunks: Buffer[] = []
    const finish = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(1000, () => finish(false))
    socket.on('error', () => finish(false)).on('close', () => finish(false))
    socket.on('connect', () => socket.write(greeting))
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      if (isAnswer(Buffer.concat(chunks))) finish(true)
    })
  })
}
