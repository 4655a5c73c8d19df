import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import { createServer, type TlsOptions } from 'node:tls'
import type { Cleanup } from './child-process.ts'

/** Ends TLS in front of the server at `port` of this machine, and passes on what it carries; resolves with its own port. */
export async function startTlsRelay(t: Cleanup, port: number, tls: TlsOptions): Promise<number> {
  const sockets = new Set<{ destroy(): unknown }>()
  const relay = createServer(tls, (client) => {
    const server = connect(port, '127.0.0.1')
    for (const [socket, other] of [[client, server], [server, client]] as const) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.once('close', () => {
        sockets.delete(socket)
        other.destroy()
      })
      socket.pipe(other)
    }
  })
  relay.listen(0, '127.0.0.1')
  await once(relay, 'listening')
  t.after(async () => {
    const closed = new Promise((resolve) => relay.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
  })
  return (relay.address() as AddressInfo).port
}
