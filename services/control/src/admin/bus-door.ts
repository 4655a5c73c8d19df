/** The bus for edges that may open connections to control and to nobody else: a connection to the admin port that becomes a relay's. */
import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { relayPath, relayProtocol, serveRelay } from '@sluice/buses/relay-door'
import { catalogue, codeOf } from '@sluice/errors'
import { subjectsOf } from '@sluice/proto/bus-permissions'
import { oncePerMinute } from '@sluice/service-kit'
import type { AdminParts } from './admin-parts.ts'

/** As many as edges are remembered. */
const maxRelays = 10_000

/** Whether a request asks for the bus; other upgrades are ignored, as RFC 9110 §7.8 allows. */
export function isForTheBus(request: IncomingMessage): boolean {
  return request.url === relayPath && request.headers.upgrade?.toLowerCase() === relayProtocol
}

/** Lets in who has the token of edges; returns what ends all of their connections. */
export function openBusDoor(server: Server, { bus, tokens, logger }: Pick<AdminParts, 'bus' | 'tokens' | 'logger'>): () => void {
  const relays = new Set<() => void>()
  const tell = oncePerMinute((what, times, facts: object) => logger.warn({ ...facts, times }, what))
  const onDenied = (subject: string) => tell('an edge asked for a subject that is not an edge\'s', { subject })
  const onFault = (error: unknown) => tell('the connection of an edge to the bus broke', { err: error })
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const refusal = refusalOf(request, tokens, relays.size)
    if (refusal !== undefined) return refuse(socket, refusal)
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${relayProtocol}\r\n\r\n`)
    const end = serveRelay(bus, socket, { ...subjectsOf('edge'), head, onDenied, onFault })
    relays.add(end)
    socket.once('close', () => relays.delete(end))
  })
  return () => {
    for (const end of relays) end()
  }
}

function refusalOf(request: IncomingMessage, tokens: AdminParts['tokens'], open: number): number | undefined {
  try {
    tokens.authorise(request.headers.authorization, 'edge')
    return open < maxRelays ? undefined : 503
  } catch (error) {
    return catalogue[codeOf(error)].status
  }
}

function refuse(socket: Duplex, status: number): void {
  socket.on('error', () => {})
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
