/** How a connection to an endpoint comes about: plain, or under TLS. */
import { connect, type Socket } from 'node:net'
import type { ErrorCode } from '@sluice/errors'
import type { Destination } from './destination.ts'
import { connectSecurely, type UpstreamTls } from './upstream-tls.ts'

/** Where to, and how. */
export interface SocketPlace {
  readonly destination: Destination
  /** Undefined: connections are not encrypted. */
  readonly tls: UpstreamTls | undefined
  /** Whether its connections may become something else than HTTP: those are not read into the shared buffer. */
  readonly forUpgrades: boolean
  /** What the next handshake may begin with. */
  tlsSession: Buffer | undefined
}

/** Whose connection it is. */
export interface SocketReader {
  /** The network is through; what fails from here to `onConnect` is TLS. */
  onHandshake(): void
  onConnect(): void
  /** What was read is the first `length` of `bytes`, which may be overwritten once it returns. True goes on reading. */
  onRead(bytes: Buffer, length: number): boolean
}

const readBuffer = Buffer.allocUnsafeSlow(64 * 1024)

export function openSocket(place: SocketPlace, reader: SocketReader): Socket {
  return place.tls === undefined ? openPlain(place, reader) : openSecure(place, place.tls, reader)
}

/**
 * Sockets read into one shared buffer (`onread`), which spares a Buffer and a stream event for each read: what has to outlive the
 * callback is copied.
 */
function openPlain({ destination, forUpgrades }: SocketPlace, reader: SocketReader): Socket {
  if (forUpgrades) {
    const socket = connect({ ...destination, noDelay: true, keepAlive: true })
    socket.on('data', (chunk: Buffer) => void reader.onRead(chunk, chunk.length))
    return socket.on('connect', () => reader.onConnect())
  }
  const onread = { buffer: readBuffer, callback: (length: number) => reader.onRead(readBuffer, length) }
  const socket = connect({ ...destination, noDelay: true, keepAlive: true, onread } as never)
  return socket.on('connect', () => reader.onConnect())
}

/** `onread` is not to be had with TLS. */
function openSecure(place: SocketPlace, tls: UpstreamTls, reader: SocketReader): Socket {
  const socket = connectSecurely({ destination: place.destination, tls, session: place.tlsSession, protocol: 'http/1.1' })
  socket.on('connect', () => reader.onHandshake())
  socket.on('session', (session: Buffer) => (place.tlsSession = session))
  socket.on('data', (chunk: Buffer) => void reader.onRead(chunk, chunk.length))
  return socket.on('secureConnect', () => reader.onConnect())
}

/** What a connection that did not come about is called. */
export function connectCode(error: Error | undefined): ErrorCode {
  switch ((error as NodeJS.ErrnoException | undefined)?.code) {
    case 'ECONNREFUSED':
      return 'upstream.connect_refused'
    case 'ETIMEDOUT':
      return 'upstream.connect_timeout'
    // This worker has no room for another connection: nothing is known against the endpoint.
    case 'EMFILE':
    case 'ENFILE':
    case 'EADDRNOTAVAIL':
      return 'upstream.overloaded'
    default:
      return 'upstream.unreachable'
  }
}
