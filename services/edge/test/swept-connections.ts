/** What tests of one kind of client connection share: a server of nothing but such connections, and who watches an exchange on one. */
import { createServer, type AddressInfo, type ServerOpts, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import type { ClientWatcher } from '../src/listener/client-side.ts'

interface SweptConnection {
  checkDeadline(now: number): void
}

export interface SweptServer<C extends SweptConnection> extends ServerOpts {
  readonly open: (socket: Socket) => C
  readonly end: (connection: C) => void
  /** Those that are open; whoever makes them takes out those that close. */
  readonly connections: Set<C>
}

/** Listens until the test ends, and sweeps often; its port. */
export async function serveConnections<C extends SweptConnection>(t: TestContext, { open, end, connections, ...options }: SweptServer<C>): Promise<number> {
  const server = createServer(options, (socket: Socket) => void connections.add(open(socket)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const sweeper = setInterval(() => {
    for (const connection of connections) connection.checkDeadline(performance.now())
  }, 5)
  t.after(async () => {
    clearInterval(sweeper)
    for (const connection of connections) end(connection)
    await new Promise((resolve) => server.close(resolve))
  })
  return (server.address() as AddressInfo).port
}

/** Does nothing but what `changes` says. */
export const watcher = (changes: Partial<ClientWatcher>): ClientWatcher => ({ onClientGone: () => undefined, onClientDrain: () => undefined, onBadBody: () => undefined, ...changes })
